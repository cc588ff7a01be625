/** Training by truncated backpropagation through time, evaluation, and single steps. */
import { compile, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { Stateful, crossEntropy, withMode } from '@hebb/nn';
import { bitsPerToken } from '@hebb/ops';
import { AdamW, CosineAnnealingLR, clipGradNorm } from '@hebb/train';
import { pieces } from './data.ts';
import type { Corpus } from './data.ts';
import type { LSTMState } from '@hebb/layers-lstm';
import type { CharRnn } from './model.ts';
import type { Stepper } from './write.ts';

const pieceTensor = (piece: Int32Array, rows: number): Tensor =>
  tensor(piece, { shape: [rows, piece.length / rows] });

/** Mean loss of the characters 1.. of each row given those before. */
function lossOf(stream: Stateful<LSTMState>, piece: Tensor): Tensor {
  const [rows, length] = piece.shape as [number, number];
  const logits = stream.forward(piece.narrow(1, 0, length - 1));
  const targets = piece.narrow(1, 1, length - 1).reshape([rows * (length - 1)]);
  return crossEntropy(logits.reshape([rows * (length - 1), -1]), targets);
}

export interface TrainOptions {
  readonly epochs: number;
  /** Most pieces of an epoch. */
  readonly limit: number;
  readonly rows: number;
  readonly steps: number;
  readonly lr: number;
  readonly log: (line: string) => void;
}

/** Trains the model; the state goes on from piece to piece, the gradient does not. */
export async function train(
  model: CharRnn,
  { train: ids }: Corpus,
  { epochs, limit, rows, steps, lr, log }: TrainOptions,
): Promise<void> {
  model.train();
  const stream = new Stateful(model, model.start(rows));
  const perEpoch = Math.min(limit, Math.floor((ids.length - 1) / rows / steps));
  const schedule = new CosineAnnealingLR({ tMax: epochs * perEpoch, etaMin: lr / 10 });
  const optimizer = new AdamW({ lr, weightDecay: 1e-2 }).attach(model.parameters());
  schedule.attach(optimizer);
  const step = compile((piece: Tensor) => {
    const loss = lossOf(stream, piece);
    optimizer.step(clipGradNorm(optimizer.gradients(loss), 1).grads);
    return loss;
  });
  for (let epoch = 1; epoch <= epochs; epoch++) {
    stream.reset();
    const started = performance.now();
    let [total, count] = [0, 0];
    for (const piece of pieces(ids, rows, steps)) {
      if (count === limit) break;
      total += Number(await (await step(pieceTensor(piece, rows))).item());
      count += 1;
      schedule.step();
      if (!Number.isFinite(total)) throw new Error(`the loss is ${total} at piece ${count}`);
    }
    const speed = (count * rows * steps) / ((performance.now() - started) / 1000);
    const bits = bitsPerToken(total / count).toFixed(3);
    log(
      `epoch ${epoch}/${epochs}  ${bits} bits a character  ${(speed / 1000).toFixed(0)}k characters/s`,
    );
  }
  step.dispose();
}

/** Bits per character on the held-out text, read as a few long streams. */
export async function evaluate(
  model: CharRnn,
  ids: Int32Array,
  { rows, steps, limit = Infinity }: { rows: number; steps: number; limit?: number },
): Promise<number> {
  const stream = new Stateful(model, model.start(rows));
  const run = compile((piece: Tensor) => withMode(model, false, () => lossOf(stream, piece)));
  let [total, count] = [0, 0];
  for (const piece of pieces(ids, rows, steps)) {
    if (count === limit) break;
    total += Number(await (await run(pieceTensor(piece, rows))).item());
    count += 1;
  }
  run.dispose();
  return bitsPerToken(total / count);
}

/** The network in Node, one step a call; `dispose` when the text is written. */
export function stepper(model: CharRnn): Stepper & { dispose(): void } {
  const step = compile((id: Tensor, h: Tensor, c: Tensor) =>
    withMode(model, false, () => {
      const [logits, state] = model.forward(id, [h, c]);
      return { logits: logits.reshape([-1]), state };
    }),
  );
  let state = model.start(1);
  const next = async (id: number): Promise<ArrayLike<number>> => {
    const result = await step(tensor(Int32Array.of(id), { shape: [1, 1] }), ...state);
    state = [result.state[0], result.state[1]];
    return (await result.logits.data()) as Float32Array;
  };
  return Object.assign(next, { dispose: () => step.dispose() });
}

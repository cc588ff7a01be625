/** A whole training loop, compiled: the loss falls and nothing piles up. */
import {
  Variable,
  compile,
  gradients,
  matmul,
  mul,
  scalar,
  sub,
  tanh,
  tensor,
  withBackend,
} from '@hebb/core';
import type { Backend, Tensor } from '@hebb/core';
import { check } from './compare.ts';
import { normalFrom, seededRandom } from './draw.ts';

/** Runs `steps` steps of momentum SGD on a two-layer network and compares live buffers with those after 10. */
export async function checkTraining(backend: Backend, steps: number): Promise<void> {
  await withBackend(backend, async () => {
    const random = seededRandom(3);
    const normal = (shape: number[], scale: number): Tensor =>
      tensor(
        Float32Array.from(
          { length: shape.reduce((a, b) => a * b, 1) },
          () => scale * normalFrom(random),
        ),
        { shape },
      );
    const weights = [normal([3, 8], 0.5), normal([8, 2], 0.5)].map((w) => new Variable(w));
    const momenta = weights.map(
      (w) => new Variable(tensor(new Float32Array(w.value.size), { shape: w.shape })),
    );
    const count = new Variable(scalar(0, 'int32'));
    const x = normal([16, 3], 1);
    const y = tanh(matmul(x, normal([3, 2], 1)));
    const step = compile((rate: Tensor) => {
      const values = weights.map((w) => w.value);
      const error = sub(matmul(tanh(matmul(x, values[0]!)), values[1]!), y);
      const loss = mul(error, error).mean();
      gradients(loss, values).forEach((g, i) => {
        const m = momenta[i]!;
        m.value = m.value.mul(0.9).add(g);
        weights[i]!.value = values[i]!.sub(m.value.mul(rate));
      });
      count.value = count.value.add(1);
      return loss;
    });
    const rate = scalar(0.05);
    let early = { buffers: 0, bytes: 0 };
    let first = NaN;
    let last = NaN;
    for (let i = 0; i < steps; i++) {
      const loss = await step(rate);
      last = await loss.item();
      loss.dispose();
      if (i === 0) first = last;
      if (i === 9) early = backend.memory();
    }
    const late = backend.memory();
    check(
      late.buffers <= early.buffers && late.bytes <= early.bytes,
      `${early.buffers} buffers (${early.bytes} bytes) after 10 steps, ${late.buffers} (${late.bytes}) after ${steps}`,
    );
    check((await count.value.item()) === steps, 'a counter in a variable missed steps');
    check(last < 0.2 * first, `the loss went from ${first} to ${last} only`);
    step.dispose();
  });
}

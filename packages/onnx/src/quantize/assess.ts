/** What a smaller model costs and gains: answers and speed beside the original. */
import type { TensorData } from '../codec/tensor.ts';
import type { ModelProto } from '../codec/types.ts';
import { isTensor } from '../codec/value.ts';
import type { OnnxValue } from '../codec/value.ts';
import type { Computer } from '../check/diff.ts';
import { hostNumbersOf } from '../import/numbers.ts';

export interface Example {
  readonly inputs: Readonly<Record<string, TensorData>>;
  /** Class of each row of the first output, where it is known. */
  readonly labels?: ArrayLike<number | bigint>;
}

export interface Assessment {
  readonly samples: number;
  /** Share of rows whose largest score is that of the label, where labels are known. */
  readonly accuracy?: { readonly before: number; readonly after: number };
  /** Share of rows whose largest score is that of the original; for scores [rows, classes]. */
  readonly sameClass?: number;
  /** ‖after - before‖ / ‖before‖ over all outputs. */
  readonly relativeError: number;
  /** Median milliseconds of a run of one example. */
  readonly milliseconds: { readonly before: number; readonly after: number };
  /** What the trade costs: accuracy lost, else rows that changed class, else the relative error. */
  readonly loss: number;
  readonly lossOf: 'accuracy' | 'class' | 'error';
}

/** Runs both models on the examples. `repeat`: timed runs of each on the first example. */
export async function assess(
  computer: Computer,
  before: ModelProto,
  after: ModelProto,
  examples: readonly Example[],
  repeat = 5,
): Promise<Assessment> {
  const first = await computer.open(before);
  const second = await computer.open(after);
  try {
    const rows = { count: 0, same: 0, labelled: 0, right: 0, rightAfter: 0 };
    let [error, size] = [0, 0];
    for (const { inputs, labels } of examples) {
      const [was, is] = [await first.run(inputs), await second.run(inputs)];
      for (const [index, name] of Object.keys(was).entries()) {
        const [a, b] = [tensorOf(name, was[name]), tensorOf(name, is[name])];
        const [x, y] = [hostNumbersOf(a), hostNumbersOf(b)];
        for (let i = 0; i < x.length; i++) {
          error += (Number(y[i]) - Number(x[i])) ** 2;
          size += Number(x[i]) ** 2;
        }
        const classes = a.shape[1] ?? 0;
        if (index > 0 || a.shape.length !== 2 || classes < 2) continue;
        for (let row = 0; row < a.shape[0]!; row++) {
          const [p, q] = [largest(x, row, classes), largest(y, row, classes)];
          rows.count += 1;
          if (p === q) rows.same += 1;
          if (labels === undefined) continue;
          rows.labelled += 1;
          if (p === Number(labels[row])) rows.right += 1;
          if (q === Number(labels[row])) rows.rightAfter += 1;
        }
      }
    }
    const [example] = examples;
    const times = { before: [] as number[], after: [] as number[] };
    for (let k = 0; example !== undefined && k < repeat; k++) {
      times.before.push(await timed(() => first.run(example.inputs)));
      times.after.push(await timed(() => second.run(example.inputs)));
    }
    const relativeError = Math.sqrt(error / Math.max(size, Number.MIN_VALUE));
    const accuracy =
      rows.labelled === 0
        ? undefined
        : { before: rows.right / rows.labelled, after: rows.rightAfter / rows.labelled };
    const sameClass = rows.count === 0 ? undefined : rows.same / rows.count;
    return {
      samples: rows.count > 0 ? rows.count : examples.length,
      ...(accuracy === undefined ? {} : { accuracy }),
      ...(sameClass === undefined ? {} : { sameClass }),
      relativeError,
      milliseconds: { before: median(times.before), after: median(times.after) },
      ...(accuracy !== undefined
        ? { loss: accuracy.before - accuracy.after, lossOf: 'accuracy' }
        : sameClass !== undefined
          ? { loss: 1 - sameClass, lossOf: 'class' }
          : { loss: relativeError, lossOf: 'error' }),
    };
  } finally {
    await first.release();
    await second.release();
  }
}

function tensorOf(name: string, value: OnnxValue | undefined): TensorData {
  if (value === undefined || !isTensor(value) || value.dtype === 'string') {
    throw new Error(`output ${name} is no tensor of numbers`);
  }
  return value;
}

function largest(values: ArrayLike<number | bigint>, row: number, classes: number): number {
  let best = 0;
  for (let c = 1; c < classes; c++) {
    if (Number(values[row * classes + c]) > Number(values[row * classes + best])) best = c;
  }
  return best;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

const median = (list: readonly number[]): number =>
  [...list].sort((a, b) => a - b)[list.length >> 1] ?? 0;

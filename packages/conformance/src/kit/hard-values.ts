/** Elementwise ops and casts at hard values: NaN, infinities, signed zeros, extremes of integers. */
import { cast, dtypeInfo, isFloat, isInteger, placeholder, primitives } from '@hebb/core';
import type { Backend, DType, Op, Tensor } from '@hebb/core';
import { assertSame, toleranceOf } from './compare.ts';
import type { Tolerances } from './compare.ts';
import { store, toHost } from './definitions/values.ts';
import type { Num } from './definitions/values.ts';
import { extremeIntegers, specialFloats } from './dtypes.ts';
import { draw } from './draw.ts';
import type { Drawn } from './draw.ts';
import { runOnce } from './program.ts';

/** Ops whose result has a sign also where it is zero, by IEEE 754. */
const signed = new Set(
  'neg abs add sub mul div sqrt floor ceil round trunc where alias cast'.split(' '),
);
/** Functions whose argument must be reduced: at huge arguments there is no agreement to ask for. */
const periodic = new Set(['sin', 'cos']);
/** Division of an integer by zero throws or gives 0, by backend. */
const divides = new Set(['div', 'fmod']);
/** Counts of bits to shift by. */
const shifts = new Set(['shiftLeft', 'shiftRight']);

const one = (values: readonly Num[], dtype: DType): Drawn => ({
  aval: { shape: [values.length], dtype },
  data: toHost({ dtype, data: values.map((x) => store(x, dtype)) }),
});

/** All pairs, as two vectors. */
function pairs(values: readonly Num[], seconds: readonly Num[], dtype: DType): Drawn[] {
  return [
    one(
      values.flatMap((x) => seconds.map(() => x)),
      dtype,
    ),
    one(
      values.flatMap(() => seconds),
      dtype,
    ),
  ];
}

/** Primitives that map elements one to one, by number of operands. */
function elementwisePrimitives(): { op: Op; operands: number }[] {
  const left = new Set(['cast', 'bitcast', 'stopGradient', 'flip', 'cumsum', 'sort', 'where']);
  return primitives.flatMap((op) => {
    const sample = op.samples[0];
    if (sample === undefined || left.has(op.name) || sample.attrs !== undefined) return [];
    const { inputs } = draw(op, sample, { seed: 0, type: 'float32' });
    return inputs.length === 1 || inputs.length === 2 ? [{ op, operands: inputs.length }] : [];
  });
}

function accepts(op: Op, dtype: DType, operands: number): boolean {
  try {
    const x = placeholder({ shape: [2], dtype });
    op.infer(
      Array.from({ length: operands }, () => x),
      {},
    );
    return true;
  } catch {
    return false;
  }
}

async function compareOn(
  backend: Backend,
  oracle: Backend,
  what: string,
  inputs: readonly Drawn[],
  fn: (inputs: Tensor[]) => readonly Tensor[],
  tolerances: Tolerances | undefined,
  signedZeros: boolean,
): Promise<void> {
  const got = await runOnce(backend, inputs, fn);
  const expected = await runOnce(oracle, inputs, fn);
  assertSame(what, got.values, expected.values, got.avals, (aval) => ({
    tolerance: toleranceOf(aval.dtype, tolerances),
    signedZeros,
  }));
}

export interface HardTest {
  readonly name: string;
  readonly run: (backend: Backend, oracle: Backend, tolerances?: Tolerances) => Promise<void>;
}

/** One test for each elementwise primitive: all its types, all pairs of hard values. */
export function hardValueTests(subnormals = true): HardTest[] {
  return elementwisePrimitives().map(({ op, operands }) => ({
    name: op.name,
    run: async (backend, oracle, tolerances) => {
      for (const dtype of backend.capabilities.dtypes) {
        if (!accepts(op, dtype, operands)) continue;
        let values: Num[] = isFloat(dtype)
          ? specialFloats(dtype, subnormals)
          : isInteger(dtype)
            ? extremeIntegers(dtype)
            : [0, 1];
        if (periodic.has(op.name)) values = values.filter((x) => !(Math.abs(Number(x)) > 1e3));
        let seconds = values;
        if (isInteger(dtype)) {
          if (divides.has(op.name)) seconds = values.filter((x) => Number(x) !== 0);
          if (op.name === 'pow') seconds = values.filter((x) => Number(x) >= 0 && Number(x) <= 7);
          if (shifts.has(op.name)) {
            const bits = dtypeInfo(dtype).bytes * 8;
            seconds = [0, 1, 3, bits - 1, bits].map((n) => (dtypeInfo(dtype).big ? BigInt(n) : n));
          }
        }
        const inputs = operands === 1 ? [one(values, dtype)] : pairs(values, seconds, dtype);
        await compareOn(
          backend,
          oracle,
          `${op.name}, ${dtype}, hard values`,
          inputs,
          (xs) => draw(op, op.samples[0]!, { seed: 0, type: dtype }).call(xs),
          tolerances,
          signed.has(op.name),
        );
      }
    },
  }));
}

/** Values that every pair of types must convert alike: within range, wrapping, fractions, halves. */
const castValues = [
  0, -0, 1, -1, 0.5, -0.5, 1.5, 2.5, -3.75, 7, 100, 127, 128, -129, 255, 256, 300,
];
const castLarge = [32768, -40000, 60000];

/** Each type to each other. */
export async function checkCasts(
  backend: Backend,
  oracle: Backend,
  tolerances?: Tolerances,
): Promise<void> {
  const dtypes = [...backend.capabilities.dtypes];
  for (const from of dtypes) {
    const floats = [
      NaN,
      Infinity,
      -Infinity,
      Number(dtypeInfo(from).max),
      1 + 2 ** -11,
      1 + 3 * 2 ** -11,
    ];
    const integers = isInteger(from) ? extremeIntegers(from) : [0, 1];
    const numbers: Num[] = from === 'bool' ? [0, 1] : [...castValues, ...castLarge];
    for (const to of dtypes) {
      if (from === to) continue;
      // What NaN, an infinity or 1e38 is as an integer, nobody has said.
      const values = isFloat(from) && isFloat(to) ? [...numbers, ...floats] : numbers;
      const all = isFloat(from) ? values : [...values, ...integers];
      await compareOn(
        backend,
        oracle,
        `cast from ${from} to ${to}`,
        [
          one(
            all.map((x) => store(x, from)),
            from,
          ),
        ],
        ([x]) => [cast(x!, to)],
        tolerances,
        true,
      );
    }
  }
}

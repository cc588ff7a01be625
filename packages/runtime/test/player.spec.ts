/** The player on a plan and a module made by hand. */
import {
  PlayerError,
  checkPlan,
  checksum,
  load,
  pickModule,
  reserve,
  supports,
} from '../src/index.ts';
import type { Plan, PlayerErrorCode } from '../src/index.ts';
import { moduleBytes, planFor, weights } from './build.ts';

const bytes = moduleBytes(['run4', 'run8'], [4, 8]);
const module = new WebAssembly.Module(bytes);
const plan = planFor([4, 8]);

/** Runs `body`, which must throw a PlayerError of that kind; returns its message. */
function refusal(code: PlayerErrorCode, body: () => unknown): string {
  try {
    body();
  } catch (error) {
    if (!(error instanceof PlayerError)) throw error;
    expect(error.code).toBe(code);
    return error.message;
  }
  throw new Error('nothing was thrown');
}

describe('running', () => {
  it('computes, once for each shape, over one memory', () => {
    const model = load({ plan, module, weights });
    const x = Float32Array.of(1, 1, 1, 1);
    expect(model.run({ x: { shape: [4], data: x } })).toEqual({
      y: { dtype: 'float32', shape: [4], data: Float32Array.of(1, 2, 3, 4) },
    });
    // The state that the first call moved is read by the signature of the second.
    const eight = model.run({ x: Float32Array.from({ length: 8 }, (_, i) => i) });
    expect([...eight['y']!.data]).toEqual([1, 3, 7, 13, 21, 31, 43, 57]);
    expect(model.inputs).toEqual([{ name: 'x', dtype: 'float32', shape: ['n'] }]);
    expect(model.outputs.map(({ name }) => name)).toEqual(['y']);
  });
  it('gives results that later calls leave alone', () => {
    const model = load({ plan, module, weights });
    const first = model.run({ x: new Float32Array(4) })['y']!.data;
    model.run({ x: new Float32Array(4) });
    expect([...first]).toEqual([0, 0, 0, 0]);
  });
  it('takes weights from the middle of a larger buffer, and copies them', () => {
    const larger = new Uint8Array(100);
    larger.set(weights, 3);
    const model = load({ plan, module, weights: larger.subarray(3, 35) });
    larger.fill(0);
    expect([...model.run({ x: Float32Array.of(1, 1, 1, 1) })['y']!.data]).toEqual([1, 2, 3, 4]);
  });
  it('runs functions by name', () => {
    const model = load({ plan, module, weights });
    expect(model.call('line', { x: new Float32Array(4) })['y']!.shape).toEqual([4]);
    expect(refusal('input', () => model.call('circle', {}))).toMatch(/circle.*line/);
  });
  it('runs preparations once, before anything else', () => {
    const { functions, ...rest } = plan;
    const [{ signatures }] = functions as [Plan['functions'][number]];
    const [{ pointers }] = signatures as [Plan['functions'][number]['signatures'][number]];
    // The preparation writes s + 1 over s itself.
    const prepare = [{ entry: 'run4', arguments: 1408, pointers: pointers.with(4, 128) }];
    const model = load({ plan: { ...rest, functions, prepare }, module, weights });
    expect(model.state()['s']!.data[0]).toBe(1);
    model.run({ x: new Float32Array(4) });
    expect(model.state()['s']!.data[0]).toBe(2);
  });
});

describe('state', () => {
  it('stays between calls, can be read and replaced', () => {
    const model = load({ plan, module, weights });
    for (let i = 0; i < 3; i++) model.run({ x: new Float32Array(4) });
    const saved = model.state();
    expect(saved).toEqual({ s: { dtype: 'float32', shape: [], data: Float32Array.of(3) } });
    model.loadState({ s: Float32Array.of(10) });
    expect([...model.run({ x: new Float32Array(4) })['y']!.data]).toEqual([10, 10, 10, 10]);
    model.loadState(saved);
    expect([...model.run({ x: new Float32Array(4) })['y']!.data]).toEqual([3, 3, 3, 3]);
  });
  it('refuses what does not fit and keeps what it had', () => {
    const model = load({ plan, module, weights });
    const { s } = model.state();
    expect(refusal('input', () => model.loadState({ t: s! }))).toMatch(/t.*wanted s/);
    expect(refusal('shape', () => model.loadState({ s: new Float32Array(2) }))).toMatch(
      /2 elements/,
    );
    expect(
      refusal('input', () => model.loadState({ s: Float32Array.of(5), t: new Float32Array(1) })),
    ).toMatch(/t/);
    expect(model.state()).toEqual({ s });
  });
});

describe('inputs', () => {
  const model = load({ plan, module, weights });
  const data = new Float32Array(4);
  it('of a shape that was not compiled are refused, naming both sides', () => {
    const message = refusal('shape', () =>
      model.run({ x: { shape: [5], data: new Float32Array(5) } }),
    );
    expect(message).toMatch(/got x \[5\], wanted x \[4\] or x \[8\]/);
    expect(refusal('shape', () => model.run({ x: { shape: [2, 2], data } }))).toMatch(/x \[2,2\]/);
    expect(refusal('shape', () => model.run({ x: new Float32Array(3) }))).toMatch(/3 elements/);
  });
  it('of several shapes with one size must name theirs', () => {
    const [fn] = plan.functions as [Plan['functions'][number]];
    const twice = fn.signatures[0]!;
    const square = { ...twice, inputs: [{ shape: [2, 2], address: 1536 }] };
    const both = load({
      plan: { ...plan, functions: [{ ...fn, signatures: [twice, square] }] },
      module,
      weights,
    });
    expect(refusal('shape', () => both.run({ x: data }))).toMatch(/several shapes.*\[4\].*\[2,2\]/);
    expect(both.run({ x: { shape: [2, 2], data } })['y']!.shape).toEqual([4]);
  });
  it('are checked for name, type, array and size', () => {
    expect(refusal('input', () => model.run({}))).toMatch(/x is missing.*float32\[n\]/);
    expect(refusal('input', () => model.run({ x: data, z: data }))).toMatch(/z.*wanted x/);
    expect(
      refusal('input', () =>
        model.run({ x: { dtype: 'int32', shape: [4], data: new Int32Array(4) } }),
      ),
    ).toMatch(/got int32, wanted float32/);
    expect(refusal('input', () => model.run({ x: new Float64Array(4) }))).toMatch(
      /got Float64Array, wanted Float32Array/,
    );
    expect(
      refusal('input', () => model.run({ x: { shape: [4], data: new Float32Array(3) } })),
    ).toMatch(/got 3, wanted \[4\]/);
  });
});

describe('loading', () => {
  it('takes weights in pieces, straight into the place where the model reads them', () => {
    const reserved = reserve({ plan, module });
    expect(reserved.weights).toHaveLength(weights.length);
    reserved.weights.set(weights.subarray(0, 30));
    expect(refusal('weights', () => reserved.start())).toMatch(/damaged/);
    reserved.weights.set(weights.subarray(30), 30);
    const x = Float32Array.of(1, 1, 1, 1);
    expect([...reserved.start().run({ x })['y']!.data]).toEqual([1, 2, 3, 4]);
    const other = new WebAssembly.Module(moduleBytes(['run4'], [4]));
    refusal('module', () => reserve({ plan, module: other }));
  });
  it('refuses weights that are truncated, altered, or of another model', () => {
    expect(refusal('weights', () => load({ plan, module, weights: weights.subarray(1) }))).toMatch(
      /got 31 bytes, wanted 32 bytes/,
    );
    for (let at = 0; at < weights.length; at++) {
      const altered = weights.slice();
      altered[at]! ^= 1;
      expect(refusal('weights', () => load({ plan, module, weights: altered }))).toMatch(
        new RegExp(`wanted ${plan.weights.checksum}`),
      );
    }
  });
  it('refuses the module of another plan, and what is no module', () => {
    const other = new WebAssembly.Module(moduleBytes(['run4', 'other'], [4, 8]));
    expect(refusal('module', () => load({ plan, module: other, weights }))).toMatch(
      /got run4, other, wanted run8/,
    );
    const none = bytes as object as WebAssembly.Module;
    expect(refusal('module', () => load({ plan, module: none, weights }))).toMatch(/Uint8Array/);
  });
  it('says when the memory cannot be had', () => {
    const huge = { ...plan, memory: 2 ** 32 };
    const allocate = WebAssembly.Memory;
    // A host without that much memory: whether this one has it is not ours to decide.
    WebAssembly.Memory = class {
      constructor() {
        throw new RangeError('could not allocate memory');
      }
    } as object as typeof WebAssembly.Memory;
    try {
      expect(refusal('memory', () => load({ plan: huge, module, weights }))).toMatch(
        /could not allocate memory.*wanted 4294967296 bytes/,
      );
    } finally {
      WebAssembly.Memory = allocate;
    }
  });
  it('takes the first module whose features the host has', () => {
    const simd = { file: 'simd.wasm', features: ['simd'] as const };
    const relaxed = { file: 'relaxed.wasm', features: ['simd', 'relaxed-simd'] as const };
    expect(supports('simd')).toBe(true);
    const picked = pickModule({ ...plan, modules: [relaxed, simd] });
    // Node 20 has no relaxed SIMD without a flag.
    expect(picked).toBe(supports('relaxed-simd') ? relaxed : simd);
    const validate = WebAssembly.validate;
    WebAssembly.validate = () => false;
    try {
      const message = refusal('features', () => pickModule({ ...plan, modules: [relaxed, simd] }));
      expect(message).toMatch(/got plain WebAssembly, wanted simd and relaxed-simd, or simd/);
    } finally {
      WebAssembly.validate = validate;
    }
  });
  it('survives JSON, and refuses plans that are none or contradict themselves', () => {
    expect(checkPlan(JSON.parse(JSON.stringify(plan)))).toEqual(plan);
    const [fn] = plan.functions as [Plan['functions'][number]];
    const [signature] = fn.signatures as [Plan['functions'][number]['signatures'][number]];
    const withSignature = (change: object): unknown => ({
      ...plan,
      functions: [{ ...fn, signatures: [{ ...signature, ...change }] }],
    });
    const bad: [unknown, RegExp][] = [
      [null, /no plan/],
      [{}, /no plan.*hebb-plan/],
      [{ ...plan, version: 2 }, /got 2, wanted 1/],
      [{ ...plan, memory: 2 ** 33 }, /too much memory/],
      [{ ...plan, memory: -1 }, /no size/],
      [{ ...plan, modules: [] }, /empty/],
      [{ ...plan, state: undefined }, /malformed/],
      [{ ...plan, weights: { ...plan.weights, address: 4032, bytes: 4096 } }, /outside the memory/],
      [withSignature({ inputs: [{ shape: [4], address: 4092 }] }), /x lies outside/],
      [withSignature({ inputs: [{ shape: [4], address: 1537 }] }), /x lies outside/],
      [withSignature({ outputs: [{ shape: [-4], address: 0 }] }), /y is no size/],
      [withSignature({ outputs: [] }), /malformed/],
      [withSignature({ pointers: [5000] }), /a pointer of line/],
      [withSignature({ copies: [{ from: 0, to: 4000, bytes: 200 }] }), /a copy of line/],
      [withSignature({ entry: 3 }), /no name/],
      [{ ...plan, state: [{ name: 's', dtype: 'float8', shape: [], address: 0 }] }, /unknown type/],
    ];
    for (const [value, wanted] of bad) {
      expect(refusal('plan', () => checkPlan(value))).toMatch(wanted);
    }
  });
});

it('sums differ with every bit, place and length', () => {
  const sums = new Set<string>();
  const data = Uint8Array.from({ length: 37 }, (_, i) => i * 7);
  sums.add(checksum(data));
  for (let bit = 0; bit < 37 * 8; bit++) {
    const other = data.slice();
    other[bit >> 3]! ^= 1 << (bit & 7);
    sums.add(checksum(other));
  }
  for (let n = 0; n < 37; n++) sums.add(checksum(data.subarray(0, n)));
  expect(sums.size).toBe(1 + 37 * 8 + 37);
  // Where the bytes lie does not matter.
  const shifted = new Uint8Array(40);
  shifted.set(data, 1);
  expect(checksum(shifted.subarray(1, 38))).toBe(checksum(data));
});

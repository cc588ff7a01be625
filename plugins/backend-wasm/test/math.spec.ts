/** Vector functions against Math in float64, in units of the last place of float32. */
import { Helpers } from '../src/codegen/helpers.ts';
import { ModuleBuilder, f32x4, i32, v128 } from '../src/wasm/index.ts';
import type { FunctionBuilder, V128 } from '../src/wasm/index.ts';
import { erf, exp, expNonPositive, expm1, log, log1p, tanh } from '../src/math/exponential.ts';
import type { Vectors } from '../src/math/wide.ts';
import { sinOrCos } from '../src/math/trigonometric.ts';
import type { Target } from '../src/routines/target.ts';

const memory = new WebAssembly.Memory({ initial: 16 });
const relaxed = Number(process.versions.node.split('.')[0]) >= 21;
const targets: Target[] = relaxed ? [{ simd: 'relaxed' }, { simd: 'plain' }] : [{ simd: 'plain' }];

function compile(body: (f: FunctionBuilder, m: ModuleBuilder, x: V128) => V128) {
  const m = new ModuleBuilder({ module: 'env', name: 'memory', initial: 16 });
  new Helpers(m, { simd: 'plain' });
  const imports = [
    m.importFunction('math', 'sin', ['f64'], 'f64'),
    m.importFunction('math', 'cos', ['f64'], 'f64'),
  ];
  void imports;
  m.function({ params: ['i32'], export: 'run' }, (f, n) => {
    f.for(i32.const(1024), i32.add(i32.mul(n, i32.const(4)), i32.const(1024)), 16, (at) => {
      f.store('v128', i32.add(at, i32.const(1 << 19)), body(f, m, f.let(v128.load(at))));
    });
  });
  const instance = new WebAssembly.Instance(new WebAssembly.Module(m.encode()), {
    env: { memory },
    math: { sin: Math.sin, cos: Math.cos },
  });
  return (x: Float32Array): Float32Array => {
    new Float32Array(memory.buffer, 1024).set(x);
    (instance.exports['run'] as (n: number) => void)(x.length);
    return new Float32Array(memory.buffer, (1 << 19) + 1024, x.length).slice();
  };
}

/** The second of two vectors that go through side by side. */
const second =
  (code: (f: FunctionBuilder, t: Target, x: Vectors) => Vectors) =>
  (f: FunctionBuilder, t: Target, x: V128): V128 =>
    code(f, t, [f.let(f32x4.neg(x)), x])[1]!;

/** Distance in units of the last place of the exact value, subnormals at their own spacing. */
function ulps(got: number, exact: number): number {
  const rounded = Math.fround(exact);
  if (Object.is(got, rounded) || (got !== got && exact !== exact)) return 0;
  if (!Number.isFinite(got) || !Number.isFinite(rounded)) return Infinity;
  const exponent = Math.max(Math.floor(Math.log2(Math.abs(exact))), -126);
  return Math.abs(got - exact) / 2 ** (exponent - 23);
}

const sweep = (low: number, high: number, n = 20000): number[] =>
  Array.from({ length: n }, (_, i) => low + ((high - low) * i) / (n - 1));
const powers = (from: number, to: number): number[] =>
  sweep(from, to, 4000).flatMap((e) => [2 ** e, -(2 ** e)]);
const edges = [0, -0, Infinity, -Infinity, NaN, 1, -1, 2 ** -149, -(2 ** -149), 3.4e38, -3.4e38];

/** erf in float64 by its series and continued fraction. */
function erf64(x: number): number {
  const a = Math.abs(x);
  if (a > 6) return Math.sign(x);
  if (a < 2.5) {
    let [term, sum] = [a, a];
    for (let n = 1; n < 80; n++) {
      term *= (-a * a) / n;
      sum += term / (2 * n + 1);
    }
    return Math.sign(x) * sum * (2 / Math.sqrt(Math.PI));
  }
  let t = 0;
  for (let k = 60; k > 0; k--) t = k / 2 / (a + t);
  return Math.sign(x) * (1 - Math.exp(-a * a) / Math.sqrt(Math.PI) / (a + t));
}

interface Case {
  readonly code: (f: FunctionBuilder, t: Target, x: V128, m: ModuleBuilder) => V128;
  readonly exact: (x: number) => number;
  readonly points: readonly number[];
  /** Instead of the edges of all numbers. */
  readonly special?: readonly number[];
  readonly bound: number;
}
const cases: Record<string, Case> = {
  exp: {
    code: second(exp),
    exact: Math.exp,
    points: [...sweep(-105, 89.5, 60000), ...sweep(-1, 1), ...powers(-40, 7)],
    bound: 1.5,
  },
  expNonPositive: {
    code: (f, t, x) => expNonPositive(f, t, [x])[0]!,
    exact: (x) => (x < Math.fround(-87.3) ? 0 : Math.exp(x)),
    points: [...sweep(-105, 0, 60000), ...sweep(-1, 0), ...powers(-40, 7).filter((x) => x < 0)],
    special: [...edges.filter((x) => !(x > 0)), -87.3, -87.30001, -88],
    bound: 1.5,
  },
  expm1: {
    code: second(expm1),
    exact: Math.expm1,
    points: [...sweep(-30, 89.5, 40000), ...sweep(-2, 2), ...powers(-120, 5)],
    bound: 2,
  },
  log: {
    code: log,
    exact: Math.log,
    points: [...sweep(0.01, 20, 60000), ...sweep(0.9, 1.1), ...powers(-149, 127)],
    bound: 1.5,
  },
  log1p: {
    code: log1p,
    exact: Math.log1p,
    points: [...sweep(-0.9999, 20, 40000), ...sweep(-0.1, 0.1), ...powers(-140, 127)],
    bound: 2,
  },
  tanh: {
    code: second(tanh),
    exact: Math.tanh,
    points: [...sweep(-10, 10, 60000), ...sweep(-1, 1), ...powers(-140, 20)],
    bound: 3,
  },
  erf: {
    code: second(erf),
    exact: erf64,
    points: [...sweep(-5, 5, 60000), ...sweep(-1, 1), ...powers(-120, 3)],
    bound: 3,
  },
  sin: {
    code: (f, t, x, m) => sinOrCos(f, t, x, 0, m.importFunction('math', 'sin', ['f64'], 'f64')),
    exact: Math.sin,
    points: [...sweep(-100, 100, 60000), ...sweep(-2e6, 2e6), ...powers(-140, 40)],
    bound: 1.5,
  },
  cos: {
    code: (f, t, x, m) => sinOrCos(f, t, x, 1, m.importFunction('math', 'cos', ['f64'], 'f64')),
    exact: Math.cos,
    points: [...sweep(-100, 100, 60000), ...sweep(-2e6, 2e6), ...powers(-140, 40)],
    bound: 1.5,
  },
};

describe.each(targets)('$simd SIMD', (target) => {
  it.each(Object.keys(cases))('%s', (name) => {
    const { code, exact, points, special, bound } = cases[name]!;
    const run = compile((f, m, x) => code(f, target, x, m));
    const all = [...points, ...(special ?? edges)].map(Math.fround);
    while (all.length % 4 !== 0) all.push(0);
    const xs = Float32Array.from(all);
    const ys = run(xs);
    let worst = 0;
    let at = 0;
    xs.forEach((x, i) => {
      const error = ulps(ys[i]!, exact(x));
      if (!(error <= worst)) {
        worst = error;
        at = x;
      }
    });
    expect({ name, at, worst: worst <= bound ? 'fine' : worst }).toEqual({
      name,
      at,
      worst: 'fine',
    });
  });
});

/** Functions that a module's kernels share, each defined (or imported) when it is first needed. */
import { ModuleBuilder, i32, i64, select } from '../wasm/index.ts';
import type { FunctionBuilder, FunctionRef, I32, I64, V128 } from '../wasm/index.ts';
import { completeTable, float, installConstants } from '../math/constants.ts';
import { decodeBfloat16, decodeFloat16, encodeBfloat16, encodeFloat16 } from './float16.ts';
import { erf64 } from '../math/erf64.ts';
import { erf, exp, expNonPositive, expm1, log, log1p, tanh } from '../math/exponential.ts';
import { sinOrCos } from '../math/trigonometric.ts';
import { winogradConstants } from '../routines/conv/winograd-transforms.ts';
import type { Target } from '../routines/target.ts';

/** Vector functions of float32. */
export type VectorFunction =
  'exp' | 'expNonPositive' | 'expm1' | 'log' | 'log1p' | 'tanh' | 'erf' | 'sin' | 'cos';

/** Functions of float64 that the host provides, and how many arguments they take. */
export const hostFunctions = {
  exp: 1,
  expm1: 1,
  log: 1,
  log1p: 1,
  sin: 1,
  cos: 1,
  tanh: 1,
  pow: 2,
  atan2: 2,
  fmod: 2,
} as const;
export type HostFunction = keyof typeof hostFunctions;

const vectorFunctions: readonly VectorFunction[] = [
  'exp',
  'expNonPositive',
  'expm1',
  'log',
  'log1p',
  'tanh',
  'erf',
  'sin',
  'cos',
];

/** Everything that uses the table of constants, into a module that nobody needs. */
function generateAll(): void {
  const module = new ModuleBuilder({ module: 'env', name: 'memory', initial: 1 });
  const helpers = new Helpers(module, { simd: 'plain' });
  module.function({ params: ['v128'] }, (f, x) => {
    for (const name of vectorFunctions) helpers.inline(f, name, x);
    for (const value of winogradConstants) float(value);
    for (const convert of [decodeFloat16, encodeFloat16, decodeBfloat16, encodeBfloat16]) {
      convert(f, x);
    }
  });
}

/** Functions that take several vectors side by side. */
const wideFunctions = { exp, expNonPositive, expm1, tanh, erf } as const;
export type WideFunction = keyof typeof wideFunctions;
export const isWide = (name: string): name is WideFunction => Object.hasOwn(wideFunctions, name);

export class Helpers {
  readonly module: ModuleBuilder;
  readonly target: Target;
  readonly #vector = new Map<VectorFunction, FunctionRef<'v128'>>();
  #erf64: FunctionRef<'f64'> | undefined;
  #power32: FunctionRef<'i32'> | undefined;
  #power64: FunctionRef<'i64'> | undefined;

  constructor(module: ModuleBuilder, target: Target) {
    this.module = module;
    this.target = target;
    completeTable(generateAll);
    installConstants(module);
  }

  host(name: HostFunction): FunctionRef<'f64'> {
    const params = Array.from({ length: hostFunctions[name] }, () => 'f64' as const);
    return this.module.importFunction('math', name, params, 'f64');
  }

  /** The function of four lanes, as code in place. */
  inline(f: FunctionBuilder, name: VectorFunction, x: V128): V128 {
    const { target } = this;
    const argument = f.let(x);
    switch (name) {
      case 'exp':
      case 'expNonPositive':
      case 'expm1':
      case 'tanh':
      case 'erf':
        return this.inlineAll(f, name, [argument])[0]!;
      case 'log':
        return log(f, target, argument);
      case 'log1p':
        return log1p(f, target, argument);
      case 'sin':
        return sinOrCos(f, target, argument, 0, this.host('sin'));
      case 'cos':
        return sinOrCos(f, target, argument, 1, this.host('cos'));
    }
  }

  /** The same of several vectors side by side. */
  inlineAll(f: FunctionBuilder, name: WideFunction, x: readonly V128[]): readonly V128[] {
    return wideFunctions[name](f, this.target, x);
  }

  /** The function of four lanes, as a call. */
  vector(name: VectorFunction): FunctionRef<'v128'> {
    let known = this.#vector.get(name);
    if (known === undefined) {
      known = this.module.function({ params: ['v128'], result: 'v128' }, (f, x) => {
        f.result(this.inline(f, name, x));
      });
      this.#vector.set(name, known);
    }
    return known;
  }

  erf64(): FunctionRef<'f64'> {
    this.#erf64 ??= this.module.function({ params: ['f64'], result: 'f64' }, (f, x) => {
      f.result(erf64(f, x, this.host('exp')));
    });
    return this.#erf64;
  }

  /** Integer powers by squaring, wrapped to 32 bits; negative exponents as of exact quotients. */
  power32(): FunctionRef<'i32'> {
    this.#power32 ??= this.module.function(
      { params: ['i32', 'i32'], result: 'i32' },
      (f, base, exponent) => {
        const one = i32.const(1);
        const odd = f.let(i32.and(exponent, one));
        f.if(i32.ltS(exponent, i32.const(0)), () => {
          const minusOne = select(
            select(i32.const(-1), one, odd),
            i32.const(0),
            i32.eq(base, i32.const(-1)),
          );
          f.return(select(one, f.let(minusOne), i32.eq(base, one)));
        });
        const result = f.local('i32', one);
        f.while(
          () => exponent,
          () => {
            f.set(result, select(i32.mul(result, base), result, i32.and(exponent, one)));
            f.set(base, i32.mul(base, base));
            f.set(exponent, i32.shrU(exponent, one));
          },
        );
        f.result(result);
      },
    );
    return this.#power32;
  }

  power64(): FunctionRef<'i64'> {
    this.#power64 ??= this.module.function(
      { params: ['i64', 'i64'], result: 'i64' },
      (f, base, exponent) => {
        const [zero, one] = [i64.const(0n), i64.const(1n)];
        const odd = (): I32 => i32.wrapI64(i64.and(exponent, one));
        f.if(i64.ltS(exponent, zero), () => {
          const signed: I64 = select(i64.const(-1n), one, odd());
          const minusOne = select(signed, zero, i64.eq(base, i64.const(-1n)));
          f.return(select(one, minusOne, i64.eq(base, one)));
        });
        const result = f.local('i64', one);
        f.while(
          () => i64.ne(exponent, zero),
          () => {
            f.set(result, select(i64.mul(result, base), result, odd()));
            f.set(base, i64.mul(base, base));
            f.set(exponent, i64.shrU(exponent, one));
          },
        );
        f.result(result);
      },
    );
    return this.#power64;
  }
}

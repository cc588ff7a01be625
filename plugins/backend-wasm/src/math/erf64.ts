/** The error function of one float64. */
import { call, choose, f64 } from '../wasm/index.ts';
import type { F64, FunctionBuilder, FunctionRef } from '../wasm/index.ts';

/**
 * The error function by W. J. Cody's rational Chebyshev approximations (Math. Comp. 23, 1969, 631-637).
 * Coefficients run from the highest power down.
 */
const near = {
  above: [
    1.85777706184603153e-1, 3.1611237438705656, 1.13864154151050156e2, 3.77485237685302021e2,
    3.20937758913846947e3,
  ],
  below: [
    1, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3,
  ],
};
const middle = {
  above: [
    2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594, 6.61191906371416295e1,
    2.98635138197400131e2, 8.8195222124176909e2, 1.71204761263407058e3, 2.05107837782607147e3,
    1.23033935479799725e3,
  ],
  below: [
    1, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
    3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3,
  ],
};
const far = {
  above: [
    1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1,
    1.60837851487422766e-2, 6.58749161529837803e-4,
  ],
  below: [
    1, 2.56852019228982242, 1.87295284992346047, 5.27905102951428412e-1, 6.05183413124413191e-2,
    2.33520497626869185e-3,
  ],
};

function quotient(
  f: FunctionBuilder,
  x: F64,
  { above, below }: { readonly above: readonly number[]; readonly below: readonly number[] },
): F64 {
  const at = f.let(x);
  const value = (list: readonly number[]): F64 =>
    list.slice(1).reduce<F64>((y, k) => f64.add(f64.mul(y, at), f64.const(k)), f64.const(list[0]!));
  return f64.div(value(above), value(below));
}

export function erf64(f: FunctionBuilder, x: F64, exp: FunctionRef<'f64'>): F64 {
  const y = f.let(f64.abs(x));
  f.if(f64.ne(x, x), () => f.return(x));
  f.if(f64.le(y, f64.const(0.46875)), () => {
    f.return(f64.mul(x, quotient(f, f64.mul(y, y), near)));
  });
  f.if(f64.ge(y, f64.const(6)), () => f.return(f64.copysign(f64.const(1), x)));
  const inner = quotient(f, y, middle);
  const z = f.let(f64.div(f64.const(1), f64.mul(y, y)));
  const outer = f64.div(
    f64.sub(f64.const(1 / Math.sqrt(Math.PI)), f64.mul(z, quotient(f, z, far))),
    y,
  );
  const tail = choose(f64.le(y, f64.const(4)), inner, outer);
  const e = call(exp, f64.neg(f64.mul(y, y)));
  return f64.copysign(f64.sub(f64.const(1), f64.mul(e, tail)), x);
}

/**
 * The error function by W. J. Cody's rational Chebyshev approximations (Math. Comp. 23, 1969, 631-637):
 * relative error below 1.2e-16 in exact arithmetic. Coefficients run from the highest power down.
 */
const a = [
  1.85777706184603153e-1, 3.1611237438705656, 1.13864154151050156e2, 3.77485237685302021e2,
  3.20937758913846947e3,
];
const b = [
  1, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3,
];
const c = [
  2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594, 6.61191906371416295e1,
  2.98635138197400131e2, 8.8195222124176909e2, 1.71204761263407058e3, 2.05107837782607147e3,
  1.23033935479799725e3,
];
const d = [
  1, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
  3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3,
];
const p = [
  1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1,
  1.60837851487422766e-2, 6.58749161529837803e-4,
];
const q = [
  1, 2.56852019228982242, 1.87295284992346047, 5.27905102951428412e-1, 6.05183413124413191e-2,
  2.33520497626869185e-3,
];

function polynomial(coefficients: readonly number[], x: number): number {
  let y = 0;
  for (const coefficient of coefficients) y = y * x + coefficient;
  return y;
}

export function erf(x: number): number {
  const y = Math.abs(x);
  if (y <= 0.46875) return (x * polynomial(a, y * y)) / polynomial(b, y * y);
  if (!(y < 6)) return x !== x ? NaN : Math.sign(x);
  let tail: number;
  if (y <= 4) tail = polynomial(c, y) / polynomial(d, y);
  else {
    const z = 1 / (y * y);
    tail = (1 / Math.sqrt(Math.PI) - (z * polynomial(p, z)) / polynomial(q, z)) / y;
  }
  return Math.sign(x) * (1 - Math.exp(-y * y) * tail);
}

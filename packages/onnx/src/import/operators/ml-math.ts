/** Functions that the post-transforms of ai.onnx.ml name. */
import { abs, add, lt, log, mul, neg, sign, sqrt, sub, where } from '@hebb/core';
import type { Tensor } from '@hebb/core';

export { sigmoid, softmax } from '@hebb/ops';

/** The inverse of erf by Giles' polynomials (2010), single precision. */
export function erfinv(x: Tensor): Tensor {
  const w = neg(log(mul(sub(1, x), add(1, x))));
  const horner = (at: Tensor, coefficients: readonly number[]): Tensor =>
    coefficients
      .slice(1)
      .reduce<Tensor>(
        (value, k) => add(mul(value, at), k),
        mul(add(mul(at, 0), 1), coefficients[0]!),
      );
  const near = horner(
    sub(w, 2.5),
    [
      2.81022636e-8, 3.43273939e-7, -3.5233877e-6, -4.39150654e-6, 0.00021858087, -0.00125372503,
      -0.00417768164, 0.246640727, 1.50140941,
    ],
  );
  const far = horner(
    sub(sqrt(where(lt(w, 5), 9, w)), 3),
    [
      -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613,
      0.00943887047, 1.00167406, 2.83297682,
    ],
  );
  const y = mul(where(lt(w, 5), near, far), x);
  return where(lt(abs(x), 1), y, mul(sign(x), Infinity));
}

/** Change of the sample rate. */
import { fail, formatShape, isFloat, narrow, permute, reshape, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { conv1d } from '../convolution.ts';
import { pad } from '../padding.ts';

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

/**
 * Band-limited interpolation with a sinc under a Hann window (Smith 1984), as one strided convolution.
 * `zeros` is the number of zero crossings on each side, `rolloff` the cut-off as a part of the lower
 * Nyquist frequency. Rates are whole numbers of samples a second.
 * Shape: [..., T] -> [..., ⌈T · to / from⌉].
 */
export function resample(
  x: Tensor,
  from: number,
  to: number,
  { zeros = 6, rolloff = 0.99 }: { readonly zeros?: number; readonly rolloff?: number } = {},
): Tensor {
  for (const [name, rate] of Object.entries({ from, to })) {
    if (!Number.isInteger(rate) || rate < 1) {
      fail('resample', `${name} is a positive whole number of samples a second`, String(rate));
    }
  }
  if (!(zeros >= 1) || !(rolloff > 0 && rolloff <= 1)) {
    fail('resample', 'zeros is at least 1 and rolloff in (0, 1]', `${zeros}, ${rolloff}`);
  }
  if (!isFloat(x.dtype)) fail('resample', 'a signal is of floats', x.dtype);
  const samples = x.shape.at(-1);
  if (samples === undefined) fail('resample', 'a signal has an axis', formatShape(x.shape));
  if (from === to) return x;
  const common = gcd(from, to);
  const [down, up] = [from / common, to / common];
  const cutoff = Math.min(down, up) * rolloff;
  const width = Math.ceil((zeros * down) / cutoff);
  const length = 2 * width + down;
  const kernel = new Float64Array(up * length);
  for (let phase = 0; phase < up; phase++) {
    for (let k = 0; k < length; k++) {
      const time = ((k - width) / down - phase / up) * cutoff;
      const t = Math.max(-zeros, Math.min(zeros, time));
      const hann = Math.cos((t * Math.PI) / zeros / 2) ** 2;
      const sinc = t === 0 ? 1 : Math.sin(t * Math.PI) / (t * Math.PI);
      kernel[phase * length + k] = (hann * sinc * cutoff) / down;
    }
  }
  const lead = x.shape.slice(0, -1);
  const batch = lead.reduce((a, b) => a * b, 1);
  const padded = pad(reshape(x, [batch, 1, samples]), [width, width + down]);
  const weight = tensor(kernel, { shape: [up, 1, length], dtype: x.dtype });
  const phases = conv1d(padded, weight, null, { stride: down });
  const wanted = Math.ceil((samples * up) / down);
  const flat = reshape(permute(phases, [0, 2, 1]), [batch, -1]);
  return reshape(narrow(flat, 1, 0, wanted), [...lead, wanted]);
}

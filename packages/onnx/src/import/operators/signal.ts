/** Windows and spectra. */
import {
  add,
  cast,
  concat,
  cos,
  flip,
  iota,
  matmul,
  mul,
  narrow,
  normalizeAxis,
  pad,
  permute,
  reshape,
  stack,
  sub,
  tensor,
  window,
} from '@hebb/core';
import type { Tensor } from '@hebb/core';
import type { Call } from '../call.ts';
import { since } from '../table.ts';
import type { OperatorEntry, OperatorTable } from '../table.ts';

/** cos and sin of -2π jk/n (or +, for the inverse). Shape: [n, bins] each. */
function fourier(n: number, bins: number, inverse: boolean): [Float64Array, Float64Array] {
  const real = new Float64Array(n * bins);
  const imaginary = new Float64Array(n * bins);
  for (let j = 0; j < n; j++) {
    for (let k = 0; k < bins; k++) {
      // The product is reduced first: the angle of a large one would lose digits.
      const angle = ((inverse ? 2 : -2) * Math.PI * ((j * k) % n)) / n;
      real[j * bins + k] = Math.cos(angle);
      imaginary[j * bins + k] = Math.sin(angle);
    }
  }
  return [real, imaginary];
}

/** Transforms the last axis of the real and imaginary parts. */
function transform(
  re: Tensor,
  im: Tensor | undefined,
  bins: number,
  inverse: boolean,
): [Tensor, Tensor] {
  const n = re.shape[re.rank - 1]!;
  const [c, s] = fourier(n, bins, inverse).map((data) =>
    tensor(data, { shape: [n, bins], dtype: re.dtype }),
  ) as [Tensor, Tensor];
  const [a, b] = [matmul(re, c), matmul(re, s)];
  if (im === undefined) return [a, b];
  return [sub(a, matmul(im, s)), add(b, matmul(im, c))];
}

/** The axis cut or filled with zeros to the length. */
function fitted(x: Tensor, length: number): Tensor {
  const size = x.shape[x.rank - 1]!;
  if (size >= length) return narrow(x, x.rank - 1, 0, length);
  const widths = (n: number) => x.shape.map((_, i) => (i === x.rank - 1 ? n : 0));
  return pad(x, { low: widths(0), high: widths(length - size) });
}

function dft(c: Call): Tensor {
  const x = c.tensor(0);
  // The last axis holds real and imaginary parts.
  const rank = x.rank - 1;
  const at = c.opset < 20 ? c.attr.int('axis', 1) : c.has(2) ? c.number(2) : -2;
  const axis = normalizeAxis(c.op, at, x.rank);
  if (axis === rank) c.invalid('the axis is that of real and imaginary parts');
  const inverse = c.attr.bool('inverse');
  const onesided = c.attr.bool('onesided');
  const order = [...Array(rank).keys()].filter((i) => i !== axis);
  const parts = permute(x, [...order, axis, rank]);
  const pick = (k: number): Tensor => narrow(parts, rank, k, 1).reshape(parts.shape.slice(0, -1));
  let re = pick(0);
  let im = x.shape[rank] === 2 ? pick(1) : undefined;
  const size = re.shape[re.rank - 1]!;
  const half = inverse && onesided;
  const length = c.has(1) ? c.number(1) : half ? 2 * (size - 1) : size;
  if (half) [re, im] = mirrored(re, im, length);
  else {
    re = fitted(re, length);
    im = im === undefined ? undefined : fitted(im, length);
  }
  const bins = onesided && !inverse ? Math.floor(length / 2) + 1 : length;
  c.sized(length * bins);
  const [a, b] = transform(re, im, bins, inverse);
  const scale = inverse ? 1 / length : 1;
  const y = half ? mul(a, scale).unsqueeze(-1) : mul(stack([a, b], -1), scale);
  const back: number[] = [];
  [...order, axis].forEach((to, from) => (back[to] = from));
  return permute(y, [...back, rank]);
}

/** The full spectrum of a real signal from its first half: the rest is the conjugate, backwards. */
function mirrored(
  re: Tensor,
  im: Tensor | undefined,
  length: number,
): [Tensor, Tensor | undefined] {
  const bins = Math.floor(length / 2) + 1;
  const rest = length - bins;
  const extend = (x: Tensor, sign: number): Tensor => {
    const head = fitted(x, bins);
    if (rest <= 0) return head;
    const tail = flip(narrow(head, x.rank - 1, 1, rest), x.rank - 1);
    return concatLast(head, sign === 1 ? tail : mul(tail, -1));
  };
  return [extend(re, 1), im === undefined ? undefined : extend(im, -1)];
}

const concatLast = (a: Tensor, b: Tensor): Tensor => concat([a, b], a.rank - 1);

function stft(c: Call): Tensor {
  const signal = c.tensor(0);
  const step = c.number(1);
  const weights = c.maybe(2);
  const length = c.has(3) ? c.number(3) : (weights?.size ?? c.invalid('no frame length'));
  const bins = c.attr.bool('onesided', true) ? Math.floor(length / 2) + 1 : length;
  c.sized(length * bins);
  const [batch, samples] = signal.shape as [number, number];
  const complex = signal.rank === 3 && signal.shape[2] === 2;
  const frames = (k: number): Tensor => {
    const part = signal.rank === 3 ? narrow(signal, 2, k, 1) : signal;
    const cut = window(reshape(part, [batch, samples]), {
      size: [length],
      stride: [step],
      dilation: [1],
    });
    if (weights === undefined) return cut;
    return mul(cut, cast(weights, signal.dtype));
  };
  const [re, im] = transform(frames(0), complex ? frames(1) : undefined, bins, false);
  return stack([re, im], -1);
}

/** a0 - a1 cos + a2 cos of the double angle. */
function cosineWindow(a0: number, a1: number, a2: number): OperatorEntry {
  return since(1, (c) => {
    const size = c.number(0);
    const dtype = c.coreDType(c.dtypeAttribute('output_datatype', 'float32'));
    const period = c.attr.bool('periodic', true) ? size : size - 1;
    const angle = mul(iota(size, 'float64'), (2 * Math.PI) / period);
    const first = sub(a0, mul(cos(angle), a1));
    return cast(a2 === 0 ? first : add(first, mul(cos(mul(angle, 2)), a2)), dtype);
  });
}

/** Triangular filters, evenly spaced on the mel scale (2595 log10(1 + f / 700)). */
function melWeights(c: Call): Tensor {
  const [bands, length, rate, low, high] = [0, 1, 2, 3, 4].map((i) => c.number(i)) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const dtype = c.coreDType(c.dtypeAttribute('output_datatype', 'float32'));
  const bins = Math.floor(length / 2) + 1;
  const mel = (hertz: number) => 2595 * Math.log10(1 + hertz / 700);
  const step = (mel(high) - mel(low)) / (bands + 2);
  // Each by itself too: a fraction of a band makes a product small.
  c.sized(c.sized(bins) * bands);
  const edges = Array.from({ length: c.sized(bands) + 2 }, (_, i) => {
    const hertz = 700 * (10 ** ((i * step + mel(low)) / 2595) - 1);
    return Math.floor(((length + 1) * hertz) / rate);
  });
  const weights = new Float64Array(bins * bands);
  for (let band = 0; band < bands; band++) {
    const [lower, centre, upper] = edges.slice(band, band + 3) as [number, number, number];
    if (centre === lower) {
      if (centre < bins) weights[centre * bands + band] = 1;
    } else {
      // From 0: edges of strange rates lie so far below that a number no longer counts up.
      for (let j = Math.max(lower, 0); j <= Math.min(centre, bins - 1); j++) {
        weights[j * bands + band] = (j - lower) / (centre - lower);
      }
    }
    for (let j = Math.max(centre, 0); j < Math.min(upper, bins); j++) {
      if (upper > centre) weights[j * bands + band] = (upper - j) / (upper - centre);
    }
  }
  return tensor(weights, { shape: [bins, bands], dtype });
}

export const signalOperators: OperatorTable = {
  DFT: [since(1, dft)],
  STFT: [since(1, stft)],
  HannWindow: [cosineWindow(0.5, 0.5, 0)],
  HammingWindow: [cosineWindow(25 / 46, 21 / 46, 0)],
  BlackmanWindow: [cosineWindow(0.42, 0.5, 0.08)],
  MelWeightMatrix: [since(1, melWeights)],
};

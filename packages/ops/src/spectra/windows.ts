/** Window functions and the matrices of the discrete Fourier, cosine and mel transforms, in float64. */
import { fail } from '@hebb/core';

export type WindowName = 'hann' | 'hamming' | 'blackman' | 'rectangular';

/** Weights of cos(0), cos(x), cos(2x) with alternating sign. Harris 1978; Hamming's rounded as in PyTorch. */
const cosines: Readonly<Record<WindowName, readonly number[]>> = {
  hann: [0.5, 0.5],
  hamming: [0.54, 0.46],
  blackman: [0.42, 0.5, 0.08],
  rectangular: [1],
};

/** A window of `length` samples; periodic (for spectra, the default) or symmetric (for filters). */
export function windowFunction(
  name: WindowName,
  length: number,
  { periodic = true }: { readonly periodic?: boolean } = {},
): Float64Array {
  if (!Object.hasOwn(cosines, name)) {
    fail('windowFunction', 'unknown window', name, Object.keys(cosines).join(', '));
  }
  if (!Number.isInteger(length) || length < 1) {
    fail('windowFunction', 'length is a positive whole number', String(length));
  }
  const period = periodic ? length : Math.max(1, length - 1);
  const weights = cosines[name];
  return Float64Array.from({ length }, (_, n) =>
    weights.reduce((total, a, k) => {
      return total + (k % 2 === 0 ? a : -a) * Math.cos((2 * Math.PI * k * n) / period);
    }, 0),
  );
}

/** Real and negative imaginary part of the transform of n real samples. Shape: [n, ⌊n/2⌋ + 1] each. */
export function fourierMatrices(n: number): readonly [re: Float64Array, im: Float64Array] {
  const bins = Math.floor(n / 2) + 1;
  const [re, im] = [new Float64Array(n * bins), new Float64Array(n * bins)];
  for (let j = 0; j < n; j++) {
    for (let k = 0; k < bins; k++) {
      // Reduced first: the angle of a large product would lose digits.
      const angle = (2 * Math.PI * ((j * k) % n)) / n;
      re[j * bins + k] = Math.cos(angle);
      im[j * bins + k] = -Math.sin(angle);
    }
  }
  return [re, im];
}

/** Orthonormal cosine transform of type II. Shape: [n, count]. Ahmed, Natarajan and Rao 1974. */
export function cosineMatrix(n: number, count: number): Float64Array {
  const matrix = new Float64Array(n * count);
  for (let j = 0; j < n; j++) {
    for (let k = 0; k < count; k++) {
      const scale = Math.sqrt((k === 0 ? 1 : 2) / n);
      matrix[j * count + k] = scale * Math.cos((Math.PI * (j + 0.5) * k) / n);
    }
  }
  return matrix;
}

export type MelScale = 'htk' | 'slaney';

// Slaney's scale: linear to 1 kHz, then logarithmic with 27 steps to a factor of 6.4 (Auditory Toolbox, 1998).
const linearStep = 200 / 3;
const logStart = 1000;
const logStep = Math.log(6.4) / 27;

/** Pitch of a frequency in hertz. HTK: 2595 log10(1 + f/700), O'Shaughnessy 1987. */
export function hertzToMel(hertz: number, scale: MelScale = 'htk'): number {
  if (scale === 'htk') return 2595 * Math.log10(1 + hertz / 700);
  return hertz < logStart
    ? hertz / linearStep
    : logStart / linearStep + Math.log(hertz / logStart) / logStep;
}
export function melToHertz(mel: number, scale: MelScale = 'htk'): number {
  if (scale === 'htk') return 700 * (10 ** (mel / 2595) - 1);
  const start = logStart / linearStep;
  return mel < start ? mel * linearStep : logStart * Math.exp(logStep * (mel - start));
}

export interface MelOptions {
  /** Samples a second of the signal. */
  readonly sampleRate: number;
  /** Default 128. */
  readonly mels?: number | undefined;
  /** Lowest frequency in hertz, default 0. */
  readonly low?: number | undefined;
  /** Highest frequency in hertz, default half the sample rate. */
  readonly high?: number | undefined;
  /** Default 'htk'. */
  readonly scale?: MelScale | undefined;
  /** Divide each filter by its width in hertz, so that all have equal area. Default false. */
  readonly normalized?: boolean | undefined;
}

/**
 * Triangular filters with peaks evenly spaced on the mel scale. Davis and Mermelstein 1980.
 * Shape: [bins, mels], bins = ⌊nFft/2⌋ + 1.
 */
export function melFilters(
  bins: number,
  {
    sampleRate,
    mels = 128,
    low = 0,
    high = sampleRate / 2,
    scale = 'htk',
    normalized = false,
  }: MelOptions,
): Float64Array {
  if (!(sampleRate > 0) || !(low >= 0) || !(high > low) || high > sampleRate / 2) {
    fail(
      'melFilters',
      'frequencies do not fit',
      `${low} to ${high} Hz at ${sampleRate} samples/s`,
      '0 <= low < high <= sampleRate / 2',
    );
  }
  if (!Number.isInteger(mels) || mels < 1) {
    fail('melFilters', 'mels is a positive whole number', String(mels));
  }
  const [from, to] = [hertzToMel(low, scale), hertzToMel(high, scale)];
  const edges = Array.from({ length: mels + 2 }, (_, i) =>
    melToHertz(from + ((to - from) * i) / (mels + 1), scale),
  );
  const matrix = new Float64Array(bins * mels);
  for (let bin = 0; bin < bins; bin++) {
    const hertz = ((sampleRate / 2) * bin) / Math.max(1, bins - 1);
    for (let m = 0; m < mels; m++) {
      const [lower, peak, upper] = edges.slice(m, m + 3) as [number, number, number];
      const slope = Math.min((hertz - lower) / (peak - lower), (upper - hertz) / (upper - peak));
      const area = normalized ? 2 / (upper - lower) : 1;
      matrix[bin * mels + m] = Math.max(0, slope) * area;
    }
  }
  return matrix;
}

/** Spectra of sound: short-time Fourier transform, mel spectrograms, cepstral coefficients. */
import {
  add,
  fail,
  formatShape,
  isFloat,
  log,
  matmul,
  max,
  maximum,
  mul,
  pow,
  reshape,
  sqrt,
  sub,
  tensor,
  window,
} from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { pad } from '../padding.ts';
import { cosineMatrix, fourierMatrices, melFilters, windowFunction } from './windows.ts';
import type { MelOptions, WindowName } from './windows.ts';

export interface StftOptions {
  /** Samples of a transform, default 400. */
  readonly nFft?: number | undefined;
  /** Samples from one frame to the next, default half the window. */
  readonly hopLength?: number | undefined;
  /** Samples under the window, which stands in the middle of the frame; default nFft. */
  readonly winLength?: number | undefined;
  /** Default 'hann'. */
  readonly window?: WindowName | undefined;
  /**
   * Frame k is centred at sample k · hopLength, the ends mirrored (the default); else it begins there.
   */
  readonly center?: boolean | undefined;
}

interface Frames {
  readonly nFft: number;
  readonly bins: number;
  readonly re: Tensor;
  readonly im: Tensor;
}

/** Real and imaginary part of the frames. Shape: [..., T] -> [..., frames, bins]. */
function transformFrames(op: string, x: Tensor, options: StftOptions): Frames {
  const { nFft = 400, winLength = nFft, center = true } = options;
  const { hopLength = Math.max(1, Math.floor(winLength / 2)) } = options;
  for (const [name, value] of Object.entries({ nFft, winLength, hopLength })) {
    if (!Number.isInteger(value) || value < 1) {
      fail(op, `${name} is a positive whole number`, String(value));
    }
  }
  if (winLength > nFft) fail(op, 'the window is longer than nFft', `${winLength} > ${nFft}`);
  if (!isFloat(x.dtype)) fail(op, 'a signal is of floats', x.dtype);
  const samples = x.shape.at(-1);
  const half = Math.floor(nFft / 2);
  if (samples === undefined || samples < (center ? half + 1 : nFft)) {
    fail(
      op,
      'the signal is shorter than a frame',
      formatShape(x.shape),
      `at least ${center ? half + 1 : nFft} samples`,
    );
  }
  const lead = x.shape.slice(0, -1);
  const flat = reshape(x, [lead.reduce((a, b) => a * b, 1), samples]);
  const whole = center ? pad(flat, [half, half], { mode: 'reflect' }) : flat;
  const cut = window(whole, { size: [nFft], stride: [hopLength], dilation: [1] });
  // The window is part of the transform's matrix, so that a frame is multiplied once.
  const weights = windowFunction(options.window ?? 'hann', winLength);
  const start = Math.floor((nFft - winLength) / 2);
  const bins = half + 1;
  const [re, im] = fourierMatrices(nFft).map((matrix) => {
    const scaled = matrix.map((value, i) => {
      return value * (weights[Math.floor(i / bins) - start] ?? 0);
    });
    const spectrum = matmul(cut, tensor(scaled, { shape: [nFft, bins], dtype: x.dtype }));
    return reshape(spectrum, [...lead, ...spectrum.shape.slice(1)]);
  }) as [Tensor, Tensor];
  return { nFft, bins, re, im };
}

const turned = (x: Tensor): Tensor => x.transpose(-2, -1);

/**
 * Short-time Fourier transform of real signals, onesided.
 * Shape: [..., T] -> [re, im], each [..., ⌊nFft/2⌋ + 1, frames].
 */
export function stft(x: Tensor, options: StftOptions = {}): [re: Tensor, im: Tensor] {
  const { re, im } = transformFrames('stft', x, options);
  return [turned(re), turned(im)];
}

export interface SpectrogramOptions extends StftOptions {
  /** Exponent of the magnitude: 2 (the default) power, 1 magnitude. */
  readonly power?: number | undefined;
}

function framePower(op: string, x: Tensor, options: SpectrogramOptions): Tensor {
  const { power = 2 } = options;
  if (!(power > 0)) fail(op, 'power is a positive number', String(power));
  const { re, im } = transformFrames(op, x, options);
  const squares = add(mul(re, re), mul(im, im));
  if (power === 2) return squares;
  return power === 1 ? sqrt(squares) : pow(squares, power / 2);
}

/** |stft|^power. Shape: [..., T] -> [..., ⌊nFft/2⌋ + 1, frames]. */
export function spectrogram(x: Tensor, options: SpectrogramOptions = {}): Tensor {
  return turned(framePower('spectrogram', x, options));
}

export interface MelSpectrogramOptions extends SpectrogramOptions, MelOptions {}

function frameMels(op: string, x: Tensor, options: MelSpectrogramOptions): Tensor {
  const power = framePower(op, x, options);
  const bins = power.shape.at(-1)!;
  const { mels = 128 } = options;
  return matmul(power, tensor(melFilters(bins, options), { shape: [bins, mels], dtype: x.dtype }));
}

/**
 * Spectrogram summed under mel filters (see `melFilters`). Shape: [..., T] -> [..., mels, frames].
 */
export function melSpectrogram(x: Tensor, options: MelSpectrogramOptions): Tensor {
  return turned(frameMels('melSpectrogram', x, options));
}

/** Natural logarithm of the mel spectrogram, kept above `floor` (default 1e-6). Shape: [..., T] -> [..., mels, frames]. */
export function logMelSpectrogram(
  x: Tensor,
  { floor = 1e-6, ...options }: MelSpectrogramOptions & { readonly floor?: number },
): Tensor {
  if (!(floor > 0)) fail('logMelSpectrogram', 'floor is a positive number', String(floor));
  return turned(log(maximum(frameMels('logMelSpectrogram', x, options), floor)));
}

export interface DecibelOptions {
  /** 10 for powers (the default), 20 for magnitudes. */
  readonly multiplier?: number;
  /** Smallest value, default 1e-10. */
  readonly floor?: number;
  /** Nothing lies more than this below the largest value of all; null (the default) for no limit. */
  readonly topDb?: number | null;
}

/** multiplier · log10(x). Shape: any -> same. */
export function amplitudeToDb(
  x: Tensor,
  { multiplier = 10, floor = 1e-10, topDb = null }: DecibelOptions = {},
): Tensor {
  const decibels = mul(log(maximum(x, floor)), multiplier / Math.LN10);
  return topDb === null ? decibels : maximum(decibels, sub(max(decibels), topDb));
}

export interface MfccOptions extends MelSpectrogramOptions {
  /** Number of coefficients, default 40. */
  readonly coefficients?: number | undefined;
  /** Natural logarithm instead of decibels with the lowest 80 dB below the highest. Default false. */
  readonly logMels?: boolean | undefined;
}

/**
 * Mel-frequency cepstral coefficients: the orthonormal cosine transform of the log mel spectrogram. Davis
 * and Mermelstein 1980. Shape: [..., T] -> [..., coefficients, frames].
 */
export function mfcc(
  x: Tensor,
  { coefficients = 40, logMels = false, ...options }: MfccOptions,
): Tensor {
  const { mels = 128 } = options;
  if (!Number.isInteger(coefficients) || coefficients < 1 || coefficients > mels) {
    fail('mfcc', 'coefficients do not fit the mels', String(coefficients), `1 to ${mels}`);
  }
  const power = frameMels('mfcc', x, options);
  const logs = logMels ? log(maximum(power, 1e-6)) : amplitudeToDb(power, { topDb: 80 });
  const cosine = tensor(cosineMatrix(mels, coefficients), {
    shape: [mels, coefficients],
    dtype: x.dtype,
  });
  return turned(matmul(logs, cosine));
}

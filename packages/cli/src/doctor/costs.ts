/**
 * What kernels cost, from what they compute and move: a roofline (Williams, Waterman and Patterson 2009) and a price
 * for each call. The rates are those of one core of a server of 2023 with relaxed SIMD; a measured run scales them
 * to the machine at hand, so that only their ratios matter.
 */
import type { KernelInfo, Signature } from '@hebb/runtime';

/** Per millisecond. */
const flopRate = 40e6;
const byteRate = 12e6;
/** Milliseconds to call one. */
const callMs = 0.0004;

export interface KernelCost {
  readonly name: string;
  /** Milliseconds, before calibration. */
  readonly ms: number;
}

export const kernelCost = ({ name, flops, bytes }: KernelInfo): KernelCost => ({
  name,
  ms: Math.max(flops / flopRate, bytes / byteRate) + callMs,
});

/** Milliseconds of one run, before calibration. */
export const signatureCost = ({ kernels }: Signature): number =>
  kernels.reduce((sum, kernel) => sum + kernelCost(kernel).ms, 0);

/** The dearest kernels with their share of the run, dearest first. */
export function dearest(
  { kernels }: Signature,
  count = 3,
): { readonly name: string; readonly share: number }[] {
  const costs = kernels.map(kernelCost).sort((a, b) => b.ms - a.ms);
  const total = costs.reduce((sum, { ms }) => sum + ms, 0);
  return costs.slice(0, count).map(({ name, ms }) => ({ name, share: ms / total }));
}

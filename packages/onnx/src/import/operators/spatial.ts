/** Kernel geometry that convolution and pooling share: padding modes, strides, rounding. */
import type { Call } from '../call.ts';

export interface Geometry {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly padding: readonly (readonly [number, number])[];
}

/** Per-axis attribute, defaulting to ones. */
export function perAxis(c: Call, name: string, spatial: number): number[] {
  const list = c.attr.ints(name) ?? new Array<number>(spatial).fill(1);
  if (list.length !== spatial) {
    c.invalid(`${name} has ${list.length} entries for ${spatial} spatial axes`);
  }
  if (list.some((n) => n < 1)) c.invalid(`${name} is [${list.join(',')}]`);
  return list;
}

/** Padding by attribute: explicit, or worked out so that the output has size ⌈input / stride⌉. */
export function geometry(c: Call, sizes: readonly number[], kernel: readonly number[]): Geometry {
  const spatial = sizes.length;
  if (kernel.length !== spatial) {
    c.invalid(`the kernel has ${kernel.length} axes, the input ${spatial} spatial ones`);
  }
  const stride = perAxis(c, 'strides', spatial);
  const dilation = perAxis(c, 'dilations', spatial);
  const mode = c.attr.string('auto_pad', 'NOTSET');
  const pads = c.attr.ints('pads') ?? new Array<number>(2 * spatial).fill(0);
  if (pads.length !== 2 * spatial) c.invalid(`pads has ${pads.length} entries`);
  const padding = sizes.map((size, i): [number, number] => {
    if (mode === 'NOTSET') return [pads[i]!, pads[spatial + i]!];
    if (mode === 'VALID') return [0, 0];
    if (mode !== 'SAME_UPPER' && mode !== 'SAME_LOWER') c.unsupported(`auto_pad ${mode}`);
    const out = Math.ceil(size / stride[i]!);
    const reach = (kernel[i]! - 1) * dilation[i]! + 1;
    const total = Math.max(0, (out - 1) * stride[i]! + reach - size);
    const small = Math.floor(total / 2);
    return mode === 'SAME_UPPER' ? [small, total - small] : [total - small, small];
  });
  const padded = sizes.map((size, i) => size + padding[i]![0] + padding[i]![1]);
  if (padded.some((size) => size < 0)) c.invalid(`pads [${pads.join(',')}] cut away more than all`);
  c.sized(padded.reduce((n, size) => n * size, 1));
  c.sized(kernel.reduce((n, size) => n * size, 1));
  return { kernel, stride, dilation, padding };
}

/**
 * With `ceil_mode` a last window may start inside the input or left padding and end beyond it; how far
 * each axis must reach to the right for that.
 */
export function ceilExtra(sizes: readonly number[], g: Geometry): number[] {
  return sizes.map((size, i) => {
    const reach = (g.kernel[i]! - 1) * g.dilation[i]! + 1;
    const [low, high] = g.padding[i]!;
    const padded = size + low + high;
    let count = Math.ceil((padded - reach) / g.stride[i]!) + 1;
    if ((count - 1) * g.stride[i]! >= size + low) count -= 1;
    return Math.max(0, (count - 1) * g.stride[i]! + reach - padded);
  });
}

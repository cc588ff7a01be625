/**
 * The transpose of convolution in its input. A stride cuts the result into classes of positions by their
 * remainder; each class is a plain correlation of the output gradient with the taps that reach it, so that
 * no multiplication with an inserted zero is done.
 */
import { i32 } from '../../wasm/index.ts';
import type { I32 } from '../../wasm/index.ts';
import { copyStrided } from '../copy.ts';
import type { KernelPlan, Routine } from '../kernel.ts';
import { aligned } from '../kernel.ts';
import { matmul } from '../matmul.ts';
import type { StoreResult } from '../store.ts';
import type { Target } from '../target.ts';
import { classesOf, combinations, product } from './geometry.ts';
import type { AxisClass, ConvGeometry } from './geometry.ts';
import { correlation, linePosition } from './direct.ts';
import { prepare, preparePlan } from './prepare.ts';
import { winograd, winogradTile } from './winograd.ts';
import type { WinogradSpec } from './winograd.ts';

export interface ConvTransposeSpec extends ConvGeometry {
  /** Gradient of the output: [images, outChannels, ...outSize]. */
  readonly g: I32;
  readonly weight: I32;
  /** Rows are input channels of all images, columns input positions. */
  readonly store: StoreResult;
}

export function convTranspose(spec: ConvTransposeSpec, target: Target): Routine {
  const { images, channels, outChannels, groups, size, outSize, kernel, stride, store } = spec;
  const rows = channels / groups;
  const depthChannels = outChannels / groups;
  const taps = product(kernel);
  const unpadded = spec.padding.every(([low, high]) => low === 0 && high === 0);
  if (taps === 1 && unpadded && stride.every((s) => s === 1) && rows > 1) {
    const positions = product(size);
    const phase = matmul(
      {
        batch: [images, groups],
        m: rows,
        n: positions,
        k: depthChannels,
        a: { pointer: spec.weight, batch: [0, depthChannels * rows], row: 1, column: rows },
        b: {
          pointer: spec.g,
          batch: [outChannels * positions, depthChannels * positions],
          row: positions,
          column: 1,
        },
        store,
      },
      target,
    );
    return { phases: [phase], shared: 0 };
  }

  const fast = target.integer === true ? undefined : winogradOf(spec);
  const tile = fast === undefined ? undefined : winogradTile(fast);
  if (fast !== undefined && tile !== undefined) return winograd(fast, tile, target);
  const axes = size.map((_, axis) => classesOf(spec, axis));
  const padding = axes.map((classes, axis): [number, number] => {
    const used = classes.filter((c) => c.taps.length > 0);
    const lowest = Math.min(0, ...used.map((c) => c.first));
    const highest = Math.max(
      0,
      ...used.map((c) => c.count - 1 + c.first + (c.taps.length - 1) * c.step),
    );
    return [-lowest, Math.max(0, highest - (outSize[axis]! - 1))];
  });
  const preparation = { planes: images * outChannels, size: outSize, padding, columnStride: 1 };
  const layout = prepare(preparation);
  const last = size.length - 1;
  const classes = combinations(axes);
  const kernels = repackKernels(spec, classes, layout.bytes);
  const positionStrides = size.map((_, i) => product(size.slice(i + 1)));

  const phase = (chosen: readonly AxisClass[], at: number): KernelPlan => {
    const count = product(chosen.map((c) => c.taps.length));
    const pitch = [...layout.strides, 1];
    const origin = chosen.reduce(
      (sum, c, i) => sum + (count === 0 ? 0 : (c.first + padding[i]![0]) * pitch[i]!),
      0,
    );
    const classSize = chosen.map((c) => c.count);
    const start = chosen.reduce((sum, c, i) => sum + c.remainder * positionStrides[i]!, 0);
    const everywhere = stride.every((s) => s === 1);
    const plan = (g: I32, weight: I32): KernelPlan =>
      correlation(
        {
          images,
          groups,
          rows,
          a: weight,
          aRow: depthChannels * count,
          x: i32.add(g, i32.const(origin * 4)),
          xImage: outChannels * layout.channel,
          xGroup: depthChannels * layout.channel,
          size: classSize,
          strides: layout.strides,
          depth: [
            { count: count === 0 ? 0 : depthChannels, a: count * 4, b: layout.channel * 4 },
            ...chosen.map((c, i) => ({
              count: c.taps.length,
              a: product(chosen.slice(i + 1).map((d) => d.taps.length)) * 4,
              b: c.step * pitch[i]! * 4,
            })),
          ],
          store,
          ...(everywhere
            ? {}
            : {
                place: {
                  step: stride[last]!,
                  lineStart: (f, line) =>
                    i32.add(
                      linePosition(
                        f,
                        classSize,
                        stride.map((s, i) => s * positionStrides[i]!),
                        line,
                      ),
                      i32.const(start),
                    ),
                },
              }),
        },
        target,
      );
    const sized = plan(i32.const(0), i32.const(0));
    return {
      ...sized,
      emit: (f, b, e, s) =>
        plan(layout.bytes === 0 ? spec.g : s.shared, f.let(i32.add(s.shared, i32.const(at)))).emit(
          f,
          b,
          e,
          s,
        ),
    };
  };
  return {
    phases: [
      ...(layout.bytes === 0 ? [] : [preparePlan(preparation, layout, spec.g, 0)]),
      kernels.plan,
      ...classes.map((chosen, i) => phase(chosen, kernels.offsets[i]!)),
    ],
    shared: layout.bytes + kernels.bytes,
  };
}

/** For each class, its taps as [channels, outChannels / groups, ...taps]. Items are input channels. */
function repackKernels(
  spec: ConvTransposeSpec,
  classes: readonly (readonly AxisClass[])[],
  from: number,
): { plan: KernelPlan; bytes: number; offsets: number[] } {
  const { channels, outChannels, groups, kernel, weight } = spec;
  const rows = channels / groups;
  const depth = outChannels / groups;
  const taps = product(kernel);
  const pitch = kernel.map((_, i) => product(kernel.slice(i + 1)));
  const offsets: number[] = [];
  let bytes = 0;
  for (const chosen of classes) {
    offsets.push(from + bytes);
    bytes += aligned(channels * depth * product(chosen.map((c) => c.taps.length)) * 4 + 16);
  }
  const emit: KernelPlan['emit'] = (f, begin, end, { shared }) => {
    f.for(begin, end, 1, (channel) => {
      const group = i32.divU(channel, i32.const(rows));
      const row = i32.remU(channel, i32.const(rows));
      const source = f.local(
        'i32',
        i32.add(
          weight,
          i32.mul(i32.add(i32.mul(group, i32.const(depth * rows)), row), i32.const(taps * 4)),
        ),
      );
      classes.forEach((chosen, i) => {
        const counts = chosen.map((c) => c.taps.length);
        const all = product(counts);
        if (all === 0) return;
        const first = chosen.reduce((sum, c, k) => sum + c.taps[0]! * pitch[k]!, 0);
        f.scope(() =>
          copyStrided(
            f,
            i32.add(source, i32.const(first * 4)),
            i32.add(
              i32.add(shared, i32.const(offsets[i]!)),
              i32.mul(channel, i32.const(depth * all * 4)),
            ),
            [
              { count: depth, from: rows * taps, to: all },
              ...chosen.map((c, k) => ({
                count: counts[k]!,
                from: c.taps.length < 2 ? 0 : (c.taps[1]! - c.taps[0]!) * pitch[k]!,
                to: product(counts.slice(k + 1)),
              })),
            ],
          ),
        );
      });
    });
  };
  return { plan: { items: channels, scratch: 0, emit }, bytes, offsets };
}

/** With stride 1 the transpose is a correlation with the kernels turned around. */
function winogradOf(spec: ConvTransposeSpec): WinogradSpec | undefined {
  const { kernel, stride, dilation, groups, padding, size, outSize } = spec;
  const plain = [...stride, ...dilation].every((n) => n === 1);
  if (!plain || groups !== 1 || kernel.length !== 2 || kernel.some((k) => k !== 3))
    return undefined;
  const low = padding.map(([before]) => 2 - before);
  if (low.some((n) => n < 0)) return undefined;
  return {
    images: spec.images,
    channels: spec.outChannels,
    rows: spec.channels,
    x: spec.g,
    size: [outSize[0]!, outSize[1]!],
    low: [low[0]!, low[1]!],
    outSize: [size[0]!, size[1]!],
    kernel: i32.add(spec.weight, i32.const(8 * 4)),
    kernelRow: 9,
    kernelChannel: spec.channels * 9,
    kernelTap: -1,
    store: spec.store,
  };
}

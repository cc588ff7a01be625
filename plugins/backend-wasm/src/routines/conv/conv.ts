/** The three faces of convolution in float32, channels first, any number of spatial axes. */
import { i32 } from '../../wasm/index.ts';
import type { I32 } from '../../wasm/index.ts';
import type { Routine } from '../kernel.ts';
import { matmul } from '../matmul.ts';
import type { StoreResult } from '../store.ts';
import type { Target } from '../target.ts';
import { correlation } from './direct.ts';
import type { CorrelationSpec } from './direct.ts';
import { product, reachedPadding } from './geometry.ts';
import type { ConvGeometry } from './geometry.ts';
import { correlationByPanels, wantsPanels } from './panels.ts';
import { prepare, preparePlan } from './prepare.ts';
import { winograd, winogradTile } from './winograd.ts';
import type { WinogradSpec } from './winograd.ts';

export interface ConvSpec extends ConvGeometry {
  readonly x: I32;
  readonly weight: I32;
  /** Rows are output channels of all images, columns output positions. */
  readonly store: StoreResult;
}

export function conv(spec: ConvSpec, target: Target): Routine {
  const { images, channels, outChannels, groups, kernel, stride, dilation, outSize, store } = spec;
  const perGroup = channels / groups;
  const rows = outChannels / groups;
  const taps = product(kernel);
  const padding = reachedPadding(spec);
  const last = kernel.length - 1;
  const pointwise = taps === 1 && padding.every(([low, high]) => low === 0 && high === 0);
  if (pointwise && stride.every((s) => s === 1) && rows > 1) {
    const positions = product(outSize);
    const phase = matmul(
      {
        batch: [images, groups],
        m: rows,
        n: positions,
        k: perGroup,
        a: { pointer: spec.weight, batch: [0, rows * perGroup], row: perGroup, column: 1 },
        b: {
          pointer: spec.x,
          batch: [channels * positions, perGroup * positions],
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
  const tapColumns = Array.from({ length: kernel[last]! }, (_, k) => k * dilation[last]!);
  const columnStride = stride[last]!;
  const remainders = [...new Set(tapColumns.map((at) => at % columnStride))];
  const preparation = {
    planes: images * channels,
    size: spec.size,
    padding,
    columnStride,
    remainders,
  };
  const layout = prepare(preparation);
  const depth = [
    { count: perGroup, a: taps * 4, b: layout.channel * 4 },
    ...kernel.slice(0, last).map((count, i) => ({
      count,
      a: product(kernel.slice(i + 1)) * 4,
      b: layout.strides[i]! * dilation[i]! * 4,
    })),
    { count: kernel[last]!, a: 4, b: tapColumns.map((at) => layout.column(at) * 4) },
  ];
  const plan = (x: I32) => {
    const given: CorrelationSpec = {
      images,
      groups,
      rows,
      a: spec.weight,
      aRow: perGroup * taps,
      x,
      xImage: channels * layout.channel,
      xGroup: perGroup * layout.channel,
      size: outSize,
      strides: layout.strides.map((step, i) => step * stride[i]!),
      depth,
      store,
    };
    return wantsPanels(given) ? correlationByPanels(given, target) : correlation(given, target);
  };
  if (layout.bytes === 0) return { phases: [plan(spec.x)], shared: 0 };
  const sized = plan(i32.const(0));
  return {
    phases: [
      preparePlan(preparation, layout, spec.x, 0),
      { ...sized, emit: (f, b, e, s) => plan(s.shared).emit(f, b, e, s) },
    ],
    shared: layout.bytes,
  };
}

/** The same convolution for Winograd's algorithm, where it applies. */
function winogradOf(spec: ConvSpec): WinogradSpec | undefined {
  const { kernel, stride, dilation, groups, padding, size, outSize } = spec;
  const plain = [...stride, ...dilation].every((n) => n === 1);
  if (!plain || groups !== 1 || kernel.length !== 2 || kernel.some((k) => k !== 3))
    return undefined;
  return {
    images: spec.images,
    channels: spec.channels,
    rows: spec.outChannels,
    x: spec.x,
    size: [size[0]!, size[1]!],
    low: [padding[0]![0], padding[1]![0]],
    outSize: [outSize[0]!, outSize[1]!],
    kernel: spec.weight,
    kernelRow: spec.channels * 9,
    kernelChannel: 9,
    kernelTap: 1,
    store: spec.store,
  };
}

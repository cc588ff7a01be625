/** Reading images at computed places: grids, regions of interest, deformed kernels. */
import {
  add,
  and,
  broadcastTo,
  cast,
  concat,
  div,
  floor,
  fromBits,
  full,
  gather,
  gatherElements,
  iota,
  le,
  lt,
  matmul,
  max,
  maximum,
  minimum,
  mul,
  narrow,
  or,
  permute,
  reshape,
  round,
  sizeOf,
  stack,
  sub,
  sum,
  tensor,
  where,
} from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { cubicTaps } from './cubic.ts';
import type { Call } from '../call.ts';
import { since } from '../table.ts';
import type { OperatorTable } from '../table.ts';
import { withBias } from './conv.ts';
import { perAxis } from './spatial.ts';

type Padding = 'zeros' | 'border' | 'reflection';

/** Mirrors x into [low, high], however far away it is. */
function reflect(x: Tensor, low: number, high: number): Tensor {
  const span = high - low;
  if (span <= 0) return mul(x, 0);
  const from = sub(x, low).abs();
  const turns = floor(div(from, span));
  const rest = sub(from, mul(turns, span));
  const even = sub(turns, mul(floor(div(turns, 2)), 2)).lt(0.5);
  return where(even, add(rest, low), sub(high, rest));
}

interface Image {
  /** [N, C, elements] */
  readonly flat: Tensor;
  readonly sizes: readonly number[];
  readonly padding: Padding;
  readonly bounds: readonly (readonly [number, number])[];
}

/** Elements at whole coordinates, one tensor [N, P] an axis; outside by the padding mode. */
function fetch(image: Image, at: readonly Tensor[]): Tensor {
  const { flat, sizes, padding, bounds } = image;
  const [batch, channels] = flat.shape as [number, number, number];
  let inside: Tensor | undefined;
  let linear: Tensor | undefined;
  at.forEach((x, k) => {
    const size = sizes[k]!;
    let place = x;
    if (padding === 'zeros') {
      const ok = and(le(0, x), le(x, size - 1));
      inside = inside === undefined ? ok : and(inside, ok);
    } else if (padding === 'reflection') place = reflect(x, ...bounds[k]!);
    const index = cast(minimum(maximum(place, 0), size - 1), 'int32');
    linear = linear === undefined ? index : add(mul(linear, size), index);
  });
  const points = linear!.shape[1]!;
  const index = broadcastTo(reshape(linear!, [batch, 1, points]), [batch, channels, points]);
  const values = gatherElements(flat, index, 2);
  return inside === undefined ? values : where(reshape(inside, [batch, 1, points]), values, 0);
}

/** All combinations of one tap an axis. */
function combine(
  image: Image,
  taps: readonly (readonly (readonly [place: Tensor, weight: Tensor])[])[],
): Tensor {
  const walk = (k: number, places: Tensor[], weight: Tensor | undefined): Tensor => {
    if (k === taps.length) {
      const values = fetch(image, places);
      return weight === undefined ? values : mul(values, weight.unsqueeze(1));
    }
    return taps[k]!.map(([place, w]) =>
      walk(k + 1, [...places, place], weight === undefined ? w : mul(weight, w)),
    ).reduce((a, b) => add(a, b));
  };
  return walk(0, [], undefined);
}

function gridSample(c: Call): Tensor {
  const x = c.tensor(0);
  const grid = c.tensor(1);
  const mode = c.attr
    .string('mode', 'linear')
    .replace('bilinear', 'linear')
    .replace('bicubic', 'cubic');
  const padding = c.attr.string('padding_mode', 'zeros');
  if (padding !== 'zeros' && padding !== 'border' && padding !== 'reflection') {
    c.unsupported(`padding_mode ${padding}`);
  }
  const align = c.attr.bool('align_corners');
  const sizes = x.shape.slice(2);
  const bounds = sizes.map((n) => (align ? ([0, n - 1] as const) : ([-0.5, n - 0.5] as const)));
  const outer = grid.shape.slice(1, -1);
  const points = sizeOf(outer);
  const [batch, channels] = x.shape as [number, number];
  const flatGrid = reshape(grid, [batch, points, sizes.length]);
  const at = sizes.map((n, k) => {
    // The grid names the last axis first.
    const g = reshape(narrow(flatGrid, 2, sizes.length - 1 - k, 1), [batch, points]);
    let place = align ? mul(add(g, 1), (n - 1) / 2) : div(sub(mul(add(g, 1), n), 1), 2);
    if (mode === 'nearest') place = round(place);
    if (padding !== 'zeros') {
      const [low, high] = bounds[k]!;
      // A place between the outermost element and its edge stays: the cubic kernel tells it apart.
      const outside = or(lt(place, low), lt(high, place));
      const inside =
        padding === 'border' ? minimum(maximum(place, 0), n - 1) : reflect(place, low, high);
      place = where(outside, inside, place);
    }
    return place;
  });
  const image: Image = {
    flat: reshape(x, [batch, channels, sizeOf(sizes)]),
    sizes,
    padding,
    bounds,
  };
  let y: Tensor;
  if (mode === 'nearest') y = fetch(image, at);
  else if (mode === 'linear') {
    y = combine(
      image,
      at.map((place) => {
        const low = floor(place);
        const upper = sub(place, low);
        return [
          [low, sub(1, upper)],
          [add(low, 1), upper],
        ] as const;
      }),
    );
  } else if (mode === 'cubic')
    y = combine(
      image,
      at.map((place) => cubicTaps(place, -0.75)),
    );
  else return c.unsupported(`mode ${mode}`);
  return reshape(y, [batch, channels, ...outer]);
}

function affineGrid(c: Call): Tensor {
  const theta = c.tensor(0);
  const size = c.ints(1);
  const spatial = size.slice(2);
  const align = c.attr.bool('align_corners');
  const n = spatial.length;
  c.sized(sizeOf(spatial));
  const axes = spatial.map((count) =>
    Float32Array.from({ length: c.sized(count) }, (_, i) =>
      align ? (count === 1 ? 0 : (2 * i) / (count - 1) - 1) : (2 * i + 1) / count - 1,
    ),
  );
  const points = sizeOf(spatial);
  const base = new Float32Array(points * (n + 1)).fill(1);
  for (let p = 0; p < points; p++) {
    let rest = p;
    for (let k = n - 1; k >= 0; k--) {
      base[p * (n + 1) + (n - 1 - k)] = axes[k]![rest % spatial[k]!]!;
      rest = Math.floor(rest / spatial[k]!);
    }
  }
  const grid = cast(tensor(base, { shape: [1, points, n + 1] }), theta.dtype);
  return reshape(matmul(grid, theta, { transposeB: true }), [size[0]!, ...spatial, n]);
}

/** Bilinear reading of rows at places known beforehand: index and weight tables of four taps each. */
function roiAlign(c: Call): Tensor {
  const x = c.tensor(0);
  const [, channels, height, width] = x.shape as [number, number, number, number];
  const rois = Array.from(c.host(1).data as ArrayLike<number>, Number);
  const batches = c.ints(2);
  const [outH, outW] = [c.attr.int('output_height', 1), c.attr.int('output_width', 1)];
  const ratio = c.attr.int('sampling_ratio', 0);
  const scale = c.attr.float('spatial_scale', 1);
  const half =
    c.opset >= 16 && c.attr.string('coordinate_transformation_mode', 'half_pixel') === 'half_pixel';
  const average = c.attr.string('mode', 'avg') === 'avg';
  const flat = reshape(permute(x, [0, 2, 3, 1]), [x.shape[0]! * height * width, channels]);
  const results = batches.map((batch, r) => {
    const [x1, y1, x2, y2] = rois
      .slice(4 * r, 4 * r + 4)
      .map((v) => v * scale - (half ? 0.5 : 0)) as [number, number, number, number];
    const roiW = half ? x2 - x1 : Math.max(1, x2 - x1);
    const roiH = half ? y2 - y1 : Math.max(1, y2 - y1);
    const gridH = ratio > 0 ? ratio : Math.ceil(roiH / outH);
    const gridW = ratio > 0 ? ratio : Math.ceil(roiW / outW);
    const samples = Math.max(1, gridH * gridW);
    const count = c.sized(outH * outW * samples);
    const index = [0, 1, 2, 3].map(() => new Int32Array(count));
    const weight = [0, 1, 2, 3].map(() => new Float32Array(count));
    let at = 0;
    for (let oy = 0; oy < outH; oy++) {
      for (let ox = 0; ox < outW; ox++) {
        for (let sy = 0; sy < gridH; sy++) {
          for (let sx = 0; sx < gridW; sx++, at++) {
            const py = y1 + (oy + (sy + 0.5) / gridH) * (roiH / outH);
            const px = x1 + (ox + (sx + 0.5) / gridW) * (roiW / outW);
            if (py < -1 || py > height || px < -1 || px > width) continue;
            const [cy, cx] = [Math.max(0, py), Math.max(0, px)];
            const [ly, lx] = [
              Math.min(height - 1, Math.floor(cy)),
              Math.min(width - 1, Math.floor(cx)),
            ];
            const [hy, hx] = [Math.min(height - 1, ly + 1), Math.min(width - 1, lx + 1)];
            const fy = ly === height - 1 ? 0 : cy - ly;
            const fx = lx === width - 1 ? 0 : cx - lx;
            const places = [ly * width + lx, ly * width + hx, hy * width + lx, hy * width + hx];
            const shares = [(1 - fy) * (1 - fx), (1 - fy) * fx, fy * (1 - fx), fy * fx];
            places.forEach((place, k) => {
              index[k]![at] = batch * height * width + place;
              weight[k]![at] = shares[k]!;
            });
          }
        }
      }
    }
    const parts = index.map((places, k) => {
      const values = gather(flat, fromBits(places, [count], 'int32'), 0);
      return mul(values, cast(fromBits(weight[k]!, [count, 1], 'float32'), x.dtype));
    });
    const shape = [outH, outW, samples, channels];
    // The largest of the weighted taps, or their sum averaged.
    const y = average
      ? div(
          sum(
            reshape(
              parts.reduce((a, b) => add(a, b)),
              shape,
            ),
            2,
          ),
          samples,
        )
      : max(
          reshape(
            parts.reduce((a, b) => maximum(a, b)),
            shape,
          ),
          2,
        );
    return permute(y, [2, 0, 1]).unsqueeze(0);
  });
  return results.length === 0
    ? reshape(narrow(reshape(x, [x.size]), 0, 0, 0), [0, channels, outH, outW])
    : concat(results, 0);
}

/** The largest element of each cell of a region, whose corners are rounded to whole places. */
function maxRoiPool(c: Call): Tensor {
  const x = c.tensor(0);
  const [, channels, height, width] = x.shape as [number, number, number, number];
  const rois = Array.from(c.host(1).data as ArrayLike<number>, Number);
  const [outH, outW] = c.attr.ints('pooled_shape') as [number, number];
  const scale = c.attr.float('spatial_scale', 1);
  const results = Array.from({ length: rois.length / 5 }, (_, r) => {
    const [batch, x1, y1, x2, y2] = rois
      .slice(5 * r, 5 * r + 5)
      .map((v, k) => (k === 0 ? v : Math.round(v * scale))) as [
      number,
      number,
      number,
      number,
      number,
    ];
    const [h, w] = [Math.max(1, y2 - y1 + 1), Math.max(1, x2 - x1 + 1)];
    const clampTo = (v: number, most: number) => Math.max(0, Math.min(most, v));
    const cells: Tensor[] = [];
    for (let i = 0; i < outH; i++) {
      for (let j = 0; j < outW; j++) {
        const top = clampTo(Math.floor((i * h) / outH) + y1, height);
        const bottom = clampTo(Math.ceil(((i + 1) * h) / outH) + y1, height);
        const left = clampTo(Math.floor((j * w) / outW) + x1, width);
        const right = clampTo(Math.ceil(((j + 1) * w) / outW) + x1, width);
        const cell = x.index(batch, [null], [top, bottom], [left, right]);
        cells.push(cell.size === 0 ? full([channels], 0, x.dtype) : max(cell, [1, 2]));
      }
    }
    return reshape(stack(cells, 1), [1, channels, outH, outW]);
  });
  return concat(results, 0);
}

/** Dai et al. 2017, arXiv:1703.06211, with modulation (Zhu et al. 2018): every kernel element has an offset. */
function deformConv(c: Call): Tensor {
  const x = c.tensor(0);
  const weight = c.tensor(1);
  const offset = c.tensor(2);
  if (x.rank !== 4) c.unsupported('other than images');
  const [batch, channels, height, width] = x.shape as [number, number, number, number];
  const kernel = weight.shape.slice(2);
  const taps = sizeOf(kernel);
  const stride = perAxis(c, 'strides', 2);
  const dilation = perAxis(c, 'dilations', 2);
  const pads = c.attr.ints('pads', [0, 0, 0, 0]);
  const groups = c.attr.int('group', 1);
  const offsetGroups = c.attr.int('offset_group', 1);
  const [outH, outW] = offset.shape.slice(2) as [number, number];
  const area = outH * outW;
  const offsets = reshape(offset, [batch, offsetGroups, taps, 2, area]);
  const grid = (axis: 0 | 1): Tensor => {
    const count = axis === 0 ? outH : outW;
    const base = mul(iota(count, 'float32'), stride[axis]!).sub(pads[axis]!);
    const line = broadcastTo(reshape(base, axis === 0 ? [outH, 1] : [1, outW]), [outH, outW]);
    const shift = Float32Array.from(
      { length: taps },
      (_, t) => (axis === 0 ? Math.floor(t / kernel[1]!) : t % kernel[1]!) * dilation[axis]!,
    );
    const places = add(
      reshape(line, [1, area]),
      reshape(fromBits(shift, [taps], 'float32'), [taps, 1]),
    );
    return add(reshape(narrow(offsets, 3, axis, 1), [batch, offsetGroups, taps, area]), places);
  };
  const perGroup = channels / offsetGroups;
  const points = taps * area;
  const image: Image = {
    flat: reshape(x, [batch * offsetGroups, perGroup, height * width]),
    sizes: [height, width],
    padding: 'zeros',
    bounds: [
      [0, height - 1],
      [0, width - 1],
    ],
  };
  const sampled = combine(
    image,
    [grid(0), grid(1)].map((places) => {
      const at = reshape(places, [batch * offsetGroups, points]);
      const low = floor(at);
      const upper = sub(at, low);
      return [
        [low, sub(1, upper)],
        [add(low, 1), upper],
      ] as const;
    }),
  );
  let columns = reshape(sampled, [batch, offsetGroups, perGroup, taps, area]);
  if (c.has(4)) columns = mul(columns, reshape(c.tensor(4), [batch, offsetGroups, 1, taps, area]));
  const inGroup = channels / groups;
  const outputs = weight.shape[0]!;
  const grouped = reshape(columns, [batch, groups, inGroup * taps, area]);
  const kernels = reshape(weight, [1, groups, outputs / groups, inGroup * taps]);
  const y = reshape(matmul(kernels, grouped), [batch, outputs, outH, outW]);
  return withBias(y, c.maybe(3));
}

export const samplingOperators: OperatorTable = {
  GridSample: [since(1, gridSample)],
  AffineGrid: [since(1, affineGrid)],
  RoiAlign: [since(1, roiAlign)],
  MaxRoiPool: [since(1, maxRoiPool)],
  DeformConv: [since(1, deformConv)],
};

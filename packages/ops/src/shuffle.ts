/** Channels to space and back. */
import { composite, fail, formatShape, permute, reshape, withOp } from '@hebb/core';
import type { Tensor } from '@hebb/core';

type FactorAttrs = { readonly factor: number };

const pixelShuffleOp = composite('pixelShuffle', {
  body: (x: Tensor, { factor: r }: FactorAttrs): Tensor => {
    const [lead, [c, h, w]] = [x.shape.slice(0, -3), x.shape.slice(-3) as [number, number, number]];
    const blocks = reshape(x, [...lead, c / (r * r), r, r, h, w]);
    const k = lead.length;
    const order = [...lead.map((_, i) => i), k, k + 3, k + 1, k + 4, k + 2];
    return reshape(permute(blocks, order), [...lead, c / (r * r), h * r, w * r]);
  },
  onnx: {
    op: 'DepthToSpace',
    since: 11,
    emit: (onnx, { factor }) =>
      onnx.inputAvals[0]!.shape.length === 4
        ? onnx.node('DepthToSpace', [onnx.inputs[0]], { blocksize: factor as number, mode: 'CRD' })
        : undefined,
  },
  samples: [{ in: [[1, 8, 2, 3]], attrs: { factor: 2 } }],
});
/** Shi et al. 2016, arXiv:1609.05158. Shape: [..., C · r², H, W] -> [..., C, H · r, W · r]. */
export const pixelShuffle = withOp(
  pixelShuffleOp.op,
  (x: Tensor, upscaleFactor: number): Tensor => {
    const channels = x.shape[x.rank - 3] ?? 0;
    if (x.rank < 3 || !Number.isInteger(channels / upscaleFactor ** 2)) {
      fail(
        'pixelShuffle',
        'channels do not divide',
        formatShape(x.shape),
        `[..., a multiple of ${upscaleFactor ** 2}, H, W]`,
      );
    }
    return pixelShuffleOp(x, { factor: upscaleFactor });
  },
);

const pixelUnshuffleOp = composite('pixelUnshuffle', {
  body: (x: Tensor, { factor: r }: FactorAttrs): Tensor => {
    const [lead, [c, h, w]] = [x.shape.slice(0, -3), x.shape.slice(-3) as [number, number, number]];
    const blocks = reshape(x, [...lead, c, h / r, r, w / r, r]);
    const k = lead.length;
    const order = [...lead.map((_, i) => i), k, k + 2, k + 4, k + 1, k + 3];
    return reshape(permute(blocks, order), [...lead, c * r * r, h / r, w / r]);
  },
  samples: [{ in: [[1, 2, 4, 6]], attrs: { factor: 2 } }],
});
/** The inverse of `pixelShuffle`. Shape: [..., C, H · r, W · r] -> [..., C · r², H, W]. */
export const pixelUnshuffle = withOp(
  pixelUnshuffleOp.op,
  (x: Tensor, downscaleFactor: number): Tensor => {
    const [h, w] = x.shape.slice(-2);
    if (x.rank < 3 || h! % downscaleFactor !== 0 || w! % downscaleFactor !== 0) {
      fail(
        'pixelUnshuffle',
        'height and width do not divide',
        formatShape(x.shape),
        `[..., C, multiples of ${downscaleFactor}]`,
      );
    }
    return pixelUnshuffleOp(x, { factor: downscaleFactor });
  },
);

/** Channels dealt out over the groups. Zhang et al. 2018, arXiv:1707.01083. Shape: [N, C, ...] -> same. */
export function channelShuffle(x: Tensor, groups: number): Tensor {
  const [n, c] = x.shape;
  if (x.rank < 3 || c! % groups !== 0)
    fail('channelShuffle', `channels do not divide into ${groups} groups`, formatShape(x.shape));
  const rest = x.shape.slice(2);
  const split = reshape(x, [n!, groups, c! / groups, ...rest]);
  return reshape(permute(split, [0, 2, 1, ...rest.map((_, i) => i + 3)]), x.shape);
}

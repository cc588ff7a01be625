/** Vision transformer. Dosovitskiy et al. 2020, arXiv:2010.11929. Names in state dicts are torchvision's. */
import { broadcastTo, concat, fail, formatShape, reshape } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import {
  Conv2d,
  Dropout,
  GELU,
  LayerNorm,
  Linear,
  Module,
  Parameter,
  Sequential,
  init,
} from '@hebb/nn';
import { checkCounts, howOf, sourceOf, typeOf } from '../check.ts';
import type { How } from '../check.ts';
import { MultiheadAttention } from '../layers/attention.ts';

export interface ViTConfig extends How {
  /** Height and width of the images. */
  readonly imageSize: number;
  readonly patchSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly width: number;
  /** Width inside of the feed-forward networks; default 4 · width. */
  readonly hidden?: number;
  /** Default 1000, ImageNet's classes. */
  readonly numClasses?: number;
  /** Default 3. */
  readonly inChannels?: number;
  /** Probability of dropout, while training. Default 0. */
  readonly dropout?: number;
  /** Probability of dropout of attention weights, while training. Default 0. */
  readonly attentionDropout?: number;
}

/** Shape: [N, T, width] -> same. */
export class ViTBlock extends Module {
  readonly ln_1: LayerNorm;
  readonly selfAttention: MultiheadAttention;
  readonly dropout: Dropout;
  readonly ln_2: LayerNorm;
  readonly mlp: Sequential;

  constructor(config: ViTConfig) {
    super();
    const { width, heads, hidden = 4 * width, dropout = 0, attentionDropout = 0 } = config;
    const how = howOf(config);
    const norm = () => new LayerNorm(width, { eps: 1e-6, ...typeOf(config) });
    const drop = () => new Dropout(dropout, sourceOf(config));
    this.ln_1 = norm();
    this.selfAttention = new MultiheadAttention(width, heads, {
      dropout: attentionDropout,
      batchFirst: true,
      ...how,
    });
    this.dropout = drop();
    this.ln_2 = norm();
    const layers = [new Linear(width, hidden, how), new Linear(hidden, width, how)] as const;
    for (const layer of layers) {
      layer.weight = new Parameter(init.xavierUniform(layer.weight.shape, how));
      layer.bias = new Parameter(init.normal(layer.bias!.shape, { std: 1e-6, ...how }));
    }
    this.mlp = new Sequential(layers[0], new GELU(), drop(), layers[1], drop());
  }
  forward(x: Tensor): Tensor {
    const y = this.ln_1.forward(x);
    const [mixed] = this.selfAttention.forward(y, y, y, { needWeights: false });
    const z = x.add(this.dropout.forward(mixed));
    return z.add(this.mlp.forward(this.ln_2.forward(z)));
  }
}

class Encoder extends Module {
  posEmbedding: Parameter;
  readonly dropout: Dropout;
  readonly layers: Sequential;
  readonly ln: LayerNorm;

  constructor(config: ViTConfig, tokens: number) {
    super();
    const { width, dropout = 0 } = config;
    const start = init.normal([1, tokens, width], { std: 0.02, ...howOf(config) });
    this.posEmbedding = new Parameter(start);
    this.dropout = new Dropout(dropout, sourceOf(config));
    const blocks = Array.from({ length: config.layers }, (_, i) => [
      `encoder_layer_${i}`,
      new ViTBlock(config),
    ]);
    this.layers = new Sequential(Object.fromEntries(blocks) as Record<string, ViTBlock>);
    this.ln = new LayerNorm(width, { eps: 1e-6, ...typeOf(config) });
  }
  forward(x: Tensor): Tensor {
    const y = this.dropout.forward(x.add(this.posEmbedding.value));
    return this.ln.forward(this.layers.forward(y));
  }
}

/** Patches as tokens, and one more whose result is classified. Shape: [N, C, H, W] -> [N, numClasses]. */
export class VisionTransformer extends Module {
  readonly config: ViTConfig;
  readonly convProj: Conv2d;
  classToken: Parameter;
  readonly encoder: Encoder;
  readonly heads: Sequential;

  constructor(config: ViTConfig) {
    super();
    const { imageSize, patchSize, layers, width, numClasses = 1000, inChannels = 3 } = config;
    const counts = { imageSize, patchSize, layers, width, numClasses, inChannels };
    checkCounts('VisionTransformer', counts);
    if (imageSize % patchSize !== 0) {
      fail(
        'VisionTransformer',
        'the image does not divide into patches',
        `${imageSize}`,
        `a multiple of ${patchSize}`,
      );
    }
    this.config = config;
    const how = howOf(config);
    this.convProj = new Conv2d(inChannels, width, patchSize, { stride: patchSize, ...how });
    const fanIn = inChannels * patchSize ** 2;
    const shape = this.convProj.weight.shape;
    this.convProj.weight = new Parameter(
      init.truncNormal(shape, { std: Math.sqrt(1 / fanIn), ...how }),
    );
    this.convProj.bias = new Parameter(init.zeros([width], typeOf(config)));
    this.classToken = new Parameter(init.zeros([1, 1, width], typeOf(config)));
    this.encoder = new Encoder(config, (imageSize / patchSize) ** 2 + 1);
    const head = new Linear(width, numClasses, how);
    head.weight = new Parameter(init.zeros(head.weight.shape, typeOf(config)));
    head.bias = new Parameter(init.zeros([numClasses], typeOf(config)));
    this.heads = new Sequential({ head });
  }

  forward(x: Tensor): Tensor {
    const { imageSize, patchSize, width, inChannels = 3 } = this.config;
    const [batch, channels, high, wide] = x.shape;
    const wanted = `[N,${inChannels},${imageSize},${imageSize}]`;
    if (x.rank !== 4 || channels !== inChannels || high !== imageSize || wide !== imageSize) {
      fail('VisionTransformer', 'images do not fit', formatShape(x.shape), wanted);
    }
    const count = (imageSize / patchSize) ** 2;
    // [N, width, h, w] -> [N, h · w, width]
    const patches = reshape(this.convProj.forward(x), [batch!, width, count]).transpose(1, 2);
    const token = broadcastTo(this.classToken.value, [batch!, 1, width]);
    const y = this.encoder.forward(concat([token, patches], 1));
    return this.heads.forward(reshape(y.narrow(1, 0, 1), [batch!, width]));
  }
}

const published = (patchSize: number, layers: number, heads: number, width: number): ViTConfig => ({
  imageSize: 224,
  patchSize,
  layers,
  heads,
  width,
});

/** The sizes of the paper, as torchvision has them. */
export const vitConfigs = {
  /** 86,567,656 parameters. */
  'vit-b-16': published(16, 12, 12, 768),
  /** 88,224,232 */
  'vit-b-32': published(32, 12, 12, 768),
  /** 304,326,632 */
  'vit-l-16': published(16, 24, 16, 1024),
  /** 306,535,400 */
  'vit-l-32': published(32, 24, 16, 1024),
  /** 632,045,800 */
  'vit-h-14': published(14, 32, 16, 1280),
} as const satisfies Record<string, ViTConfig>;

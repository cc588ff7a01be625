/** ResNet, He et al. 2015, arXiv:1512.03385. Names in state dicts are torchvision's. */
import { fail, pad, slice } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { BatchNorm2d, Conv2d, Linear, Module, ReLU, Sequential } from '@hebb/nn';
import type { Layer } from '@hebb/nn';
import { GlobalAvgPool2d } from '../layers/adaptive-pool.ts';
import { MaxPool2d } from '../layers/pool.ts';
import { howOf, setStartValues } from './options.ts';
import type { How, ModelOptions } from './options.ts';

export interface ResNetOptions extends ModelOptions {
  /** Groups of the 3 × 3 convolutions in bottlenecks (ResNeXt); default 1. */
  readonly groups?: number;
  /** Channels of a group in the first stage (wide ResNet: 128); default 64. */
  readonly widthPerGroup?: number;
  /** Start the last normalisation of each block at zero, so that blocks start as the identity; default false. */
  readonly zeroInitResidual?: boolean;
}

interface BlockOptions extends How {
  readonly stride: number;
  readonly groups: number;
  readonly widthPerGroup: number;
  /** What takes the input to the block's output, where shapes differ. */
  readonly downsample: Layer | undefined;
}

const typed = ({ dtype }: How): How => ({ ...(dtype && { dtype }) });

/** Two 3 × 3 convolutions around a shortcut. Shape: [N, C, H, W] -> [N, channels, H / stride, W / stride]. */
export class BasicBlock extends Module {
  static readonly expansion = 1;
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly conv2: Conv2d;
  readonly bn2: BatchNorm2d;
  readonly downsample: Layer | undefined;
  readonly relu = new ReLU();

  constructor(inChannels: number, channels: number, options: BlockOptions) {
    super();
    const { stride, downsample, ...rest } = options;
    const how = howOf(rest);
    if (options.groups !== 1 || options.widthPerGroup !== 64) {
      fail('resnet', 'groups and widths are for bottlenecks: 50 layers and more');
    }
    this.conv1 = new Conv2d(inChannels, channels, 3, { stride, padding: 1, bias: false, ...how });
    this.bn1 = new BatchNorm2d(channels, typed(how));
    this.conv2 = new Conv2d(channels, channels, 3, { padding: 1, bias: false, ...how });
    this.bn2 = new BatchNorm2d(channels, typed(how));
    this.downsample = downsample;
  }
  get last(): BatchNorm2d {
    return this.bn2;
  }
  forward(x: Tensor): Tensor {
    const y = this.relu.forward(this.bn1.forward(this.conv1.forward(x)));
    const z = this.bn2.forward(this.conv2.forward(y));
    return this.relu.forward(z.add(this.downsample?.forward(x) ?? x));
  }
}

/**
 * 1 × 1, 3 × 3 and 1 × 1 convolutions around a shortcut; the stride is in the middle one ("v1.5").
 * Shape: [N, C, H, W] -> [N, 4 · channels, H / stride, W / stride].
 */
export class Bottleneck extends Module {
  static readonly expansion = 4;
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly conv2: Conv2d;
  readonly bn2: BatchNorm2d;
  readonly conv3: Conv2d;
  readonly bn3: BatchNorm2d;
  readonly downsample: Layer | undefined;
  readonly relu = new ReLU();

  constructor(inChannels: number, channels: number, options: BlockOptions) {
    super();
    const { stride, groups, widthPerGroup, downsample, ...rest } = options;
    const how = howOf(rest);
    const width = Math.floor(channels * (widthPerGroup / 64)) * groups;
    const out = channels * Bottleneck.expansion;
    this.conv1 = new Conv2d(inChannels, width, 1, { bias: false, ...how });
    this.bn1 = new BatchNorm2d(width, typed(how));
    this.conv2 = new Conv2d(width, width, 3, { stride, padding: 1, groups, bias: false, ...how });
    this.bn2 = new BatchNorm2d(width, typed(how));
    this.conv3 = new Conv2d(width, out, 1, { bias: false, ...how });
    this.bn3 = new BatchNorm2d(out, typed(how));
    this.downsample = downsample;
  }
  get last(): BatchNorm2d {
    return this.bn3;
  }
  forward(x: Tensor): Tensor {
    const y = this.relu.forward(this.bn1.forward(this.conv1.forward(x)));
    const z = this.relu.forward(this.bn2.forward(this.conv2.forward(y)));
    const w = this.bn3.forward(this.conv3.forward(z));
    return this.relu.forward(w.add(this.downsample?.forward(x) ?? x));
  }
}

type Block = typeof BasicBlock | typeof Bottleneck;

/** Blocks of one stage in a Sequential. */
function stage(
  Kind: Block,
  inChannels: number,
  channels: number,
  count: number,
  options: Omit<BlockOptions, 'downsample'>,
  shortcut: (inChannels: number, out: number, stride: number) => Layer | undefined,
): Sequential {
  const out = channels * Kind.expansion;
  const blocks = Array.from({ length: count }, (_, i): Layer => {
    const [from, stride] = i === 0 ? [inChannels, options.stride] : [out, 1];
    return new Kind(from, channels, {
      ...options,
      stride,
      downsample: shortcut(from, out, stride),
    });
  });
  return new Sequential(...blocks);
}

function finish(model: Module, how: How, zeroInitResidual: boolean): void {
  setStartValues(model, how, undefined);
  if (!zeroInitResidual) return;
  for (const block of model.modules()) {
    if (!(block instanceof BasicBlock || block instanceof Bottleneck)) continue;
    const weight = block.last.weight!;
    weight.value = weight.value.mul(0);
  }
}

/** Shape: [N, C, H, W], 224 × 224 in the paper -> [N, numClasses]. */
export class ResNet extends Module {
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly relu = new ReLU();
  readonly maxpool = new MaxPool2d(3, { stride: 2, padding: 1 });
  readonly layer1: Sequential;
  readonly layer2: Sequential;
  readonly layer3: Sequential;
  readonly layer4: Sequential;
  readonly avgpool = new GlobalAvgPool2d();
  readonly fc: Linear;

  constructor(
    Kind: Block,
    counts: readonly [number, number, number, number],
    options: ResNetOptions = {},
  ) {
    super();
    const { numClasses = 1000, inChannels = 3, groups = 1, widthPerGroup = 64 } = options;
    const how = howOf(options);
    this.conv1 = new Conv2d(inChannels, 64, 7, { stride: 2, padding: 3, bias: false, ...how });
    this.bn1 = new BatchNorm2d(64, typed(how));
    const shortcut = (from: number, out: number, stride: number): Layer | undefined =>
      stride === 1 && from === out
        ? undefined
        : new Sequential(
            new Conv2d(from, out, 1, { stride, bias: false, ...how }),
            new BatchNorm2d(out, typed(how)),
          );
    const make = (from: number, channels: number, count: number, stride: number): Sequential =>
      stage(Kind, from, channels, count, { stride, groups, widthPerGroup, ...how }, shortcut);
    const e = Kind.expansion;
    this.layer1 = make(64, 64, counts[0], 1);
    this.layer2 = make(64 * e, 128, counts[1], 2);
    this.layer3 = make(128 * e, 256, counts[2], 2);
    this.layer4 = make(256 * e, 512, counts[3], 2);
    this.fc = new Linear(512 * e, numClasses, how);
    finish(this, how, options.zeroInitResidual ?? false);
  }
  forward(x: Tensor): Tensor {
    const stem = this.maxpool.forward(this.relu.forward(this.bn1.forward(this.conv1.forward(x))));
    const stages = [this.layer1, this.layer2, this.layer3, this.layer4];
    const y = stages.reduce((value, each) => each.forward(value), stem);
    return this.fc.forward(this.avgpool.forward(y).flatten(1));
  }
}

/** 11,689,512 parameters. */
export const resnet18 = (options: ResNetOptions = {}): ResNet =>
  new ResNet(BasicBlock, [2, 2, 2, 2], options);
/** 21,797,672 parameters. */
export const resnet34 = (options: ResNetOptions = {}): ResNet =>
  new ResNet(BasicBlock, [3, 4, 6, 3], options);
/** 25,557,032 parameters. */
export const resnet50 = (options: ResNetOptions = {}): ResNet =>
  new ResNet(Bottleneck, [3, 4, 6, 3], options);
/** 44,549,160 parameters. */
export const resnet101 = (options: ResNetOptions = {}): ResNet =>
  new ResNet(Bottleneck, [3, 4, 23, 3], options);
/** 60,192,808 parameters. */
export const resnet152 = (options: ResNetOptions = {}): ResNet =>
  new ResNet(Bottleneck, [3, 8, 36, 3], options);

/** Every second row and column, channels filled up with zeros: the paper's option A, without parameters. */
class PaddedShortcut extends Module {
  readonly outChannels: number;
  readonly stride: number;

  constructor(outChannels: number, stride: number) {
    super();
    this.outChannels = outChannels;
    this.stride = stride;
  }
  forward(x: Tensor): Tensor {
    const { stride } = this;
    const small = slice(x, {
      starts: x.shape.map(() => 0),
      sizes: x.shape.map((size, axis) => (axis < 2 ? size : Math.ceil(size / stride))),
      steps: x.shape.map((_, axis) => (axis < 2 ? 1 : stride)),
    });
    const more = this.outChannels - x.shape[1]!;
    const before = Math.floor(more / 2);
    return pad(small, { low: [0, before, 0, 0], high: [0, more - before, 0, 0] });
  }
}

export interface ResNetCifarOptions extends ModelOptions {
  /** 8, 14, 20, 26, 32 ...: six for each block of the three stages, and two; default 20. */
  readonly depth?: number;
  /** Channels of the first stage; default 16. */
  readonly channels?: number;
  readonly zeroInitResidual?: boolean;
}

/** The paper's networks for 32 × 32 images, section 4.2. Shape: [N, C, 32, 32] -> [N, numClasses]. */
export class ResNetCifar extends Module {
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly relu = new ReLU();
  readonly layer1: Sequential;
  readonly layer2: Sequential;
  readonly layer3: Sequential;
  readonly avgpool = new GlobalAvgPool2d();
  readonly fc: Linear;

  constructor(options: ResNetCifarOptions = {}) {
    super();
    const { numClasses = 10, inChannels = 3, depth = 20, channels = 16 } = options;
    const count = (depth - 2) / 6;
    if (!Number.isInteger(count) || count < 1) {
      fail('resnetCifar', 'depth does not fit', String(depth), '8, 14, 20, ... (6 n + 2)');
    }
    const how = howOf(options);
    this.conv1 = new Conv2d(inChannels, channels, 3, { padding: 1, bias: false, ...how });
    this.bn1 = new BatchNorm2d(channels, typed(how));
    const shortcut = (from: number, out: number, stride: number): Layer | undefined =>
      stride === 1 && from === out ? undefined : new PaddedShortcut(out, stride);
    const make = (from: number, out: number, stride: number): Sequential =>
      stage(
        BasicBlock,
        from,
        out,
        count,
        { stride, groups: 1, widthPerGroup: 64, ...how },
        shortcut,
      );
    this.layer1 = make(channels, channels, 1);
    this.layer2 = make(channels, 2 * channels, 2);
    this.layer3 = make(2 * channels, 4 * channels, 2);
    this.fc = new Linear(4 * channels, numClasses, how);
    finish(this, how, options.zeroInitResidual ?? false);
  }
  forward(x: Tensor): Tensor {
    const stem = this.relu.forward(this.bn1.forward(this.conv1.forward(x)));
    const y = [this.layer1, this.layer2, this.layer3].reduce((v, each) => each.forward(v), stem);
    return this.fc.forward(this.avgpool.forward(y).flatten(1));
  }
}

/** A small ResNet: 269,722 parameters at depth 20 for 10 classes. */
export const resnetCifar = (options: ResNetCifarOptions = {}): ResNetCifar =>
  new ResNetCifar(options);

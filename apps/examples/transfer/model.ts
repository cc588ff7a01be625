/** A network on the trunk of another, which was trained for something else. */
import { concat } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { BatchNorm1d } from '@hebb/layers-cnn';
import { Linear, Module, Sequential } from '@hebb/nn';
import { importOnnxFile } from '@hebb/onnx/node';
import type { OnnxModel } from '@hebb/onnx';

/** What four layers of the face detector see, from edges to parts of faces, by name and channels. */
const views = { 196: 32, 202: 32, 211: 64, 217: 64 } as const;

/** The detector up to its last view, for pictures of 32 x 32 in any number; its heads are left out. */
export const importTrunk = (file: string): Promise<OnnxModel<Tensor[]>> =>
  importOnnxFile<Tensor[]>(file, {
    inputs: { input: ['batch', 3, 32, 32] },
    outputs: Object.keys(views),
  });

/** The mean of each channel of all views, levelled, and one linear layer. Shape: [N, 3, 32, 32] -> [N, classes]. */
export class OnTrunk extends Module {
  readonly trunk: OnnxModel<Tensor[]>;
  readonly head: Sequential;

  constructor(trunk: OnnxModel<Tensor[]>, classes: number) {
    super();
    this.trunk = trunk;
    const channels = Object.values(views).reduce((sum, count) => sum + count, 0);
    this.head = new Sequential(new BatchNorm1d(channels), new Linear(channels, classes));
  }
  forward(x: Tensor): Tensor {
    const seen = this.trunk.forward(x);
    return this.head.forward(
      concat(
        seen.map((view) => view.mean([2, 3])),
        1,
      ),
    );
  }
}

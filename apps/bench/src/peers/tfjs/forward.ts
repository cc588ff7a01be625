/** TensorFlow.js: kernels and inference. */
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor } from '@tensorflow/tfjs-core';
import type { ForwardCase } from '../../cases/case.ts';
import { foldNorms } from '../../cases/work.ts';
import type { HostTensor, Work } from '../../cases/work.ts';
import type { Loaded } from '../../harness/runner.ts';
import { TfjsLayers } from './layers.ts';
import { fromHost, fromParameter, layoutsOf, permute } from './weights.ts';

/**
 * The host arrays of the inputs in the library's layout: an application that uses it has its images like
 * that already, so the permutation is no part of a call.
 */
export function arranged({ data, shape }: HostTensor): () => Tensor {
  if (data instanceof Int32Array || shape.length !== 4) return () => fromHost({ data, shape });
  const [n, c, h, w] = shape as [number, number, number, number];
  const ready = permute(data, shape, [0, 2, 3, 1]);
  return () => tf.tensor(ready, [n, h, w, c]);
}

/** On the graphics processor it waits; elsewhere the numbers are here. */
export async function numbersOf(x: Tensor): Promise<Float32Array> {
  return (tf.getBackend() === 'webgpu' ? await x.data() : x.dataSync()) as Float32Array;
}

/** Of outputs only the last is looked at, and of that one number. */
function queuedCalls(call: () => Tensor): NonNullable<Loaded['queued']> {
  let last: Tensor | undefined;
  return {
    start() {
      last?.dispose();
      last = call();
    },
    async settle() {
      const one = tf.tidy(() => tf.slice(tf.reshape(last!, [-1]), [0], [1]));
      await one.data();
      one.dispose();
    },
  };
}

export async function loadForward(work: Work<ForwardCase>): Promise<Loaded> {
  if ([...work.inputs.values()].some(({ half }) => half)) {
    throw new Error('has no floats of 16 bits');
  }
  const layout = layoutsOf(work.case);
  const parameters = new Map(
    [...foldNorms(work.parameters)].map(([name, p]) => [name, fromParameter(p, layout(name))]),
  );
  const layers = new TfjsLayers((name) => parameters.get(name)!, false);
  const sources = [...work.inputs.values()].map(arranged);
  const resident = work.case.family === 'kernels' ? sources.map((make) => make()) : undefined;
  let shape: number[] = [];
  const far = tf.getBackend() === 'webgpu';
  return {
    ...(resident !== undefined &&
      far && { queued: queuedCalls(() => tf.tidy(() => work.case.forward(layers, resident))) }),
    async run() {
      const output = tf.tidy(() =>
        work.case.forward(layers, resident ?? sources.map((make) => make())),
      );
      shape = output.shape;
      const data = await numbersOf(output);
      output.dispose();
      return data;
    },
    arrange: (data) => {
      const [n, h, w, c] = shape;
      return shape.length === 4 ? permute(data, [n!, h!, w!, c!], [0, 3, 1, 2]) : data;
    },
  };
}

/** TensorFlow.js on its WebGPU backend, in a page. */
import '@tensorflow/tfjs-backend-webgpu';
import * as tf from '@tensorflow/tfjs-core';

export async function startWebGpu(): Promise<void> {
  if (!(await tf.setBackend('webgpu'))) throw new Error('tfjs has no WebGPU backend here');
  tf.enableProdMode();
}

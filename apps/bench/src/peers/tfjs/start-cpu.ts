/** TensorFlow.js in plain JavaScript. */
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';

export async function startCpu(): Promise<void> {
  if (!(await tf.setBackend('cpu'))) throw new Error('tfjs has no plain backend here');
  tf.enableProdMode();
}

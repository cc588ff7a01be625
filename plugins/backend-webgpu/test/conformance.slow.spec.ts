import { cpu } from '@hebb/backend-cpu';
import { testBackend } from '@hebb/conformance';
import { operators } from '@hebb/ops';
import { webgpu } from '../src/index.ts';
import { gpu } from './software-gpu.ts';

testBackend('webgpu', async () => webgpu({ gpu: gpu() }), {
  oracle: cpu,
  ops: operators,
  subnormals: false,
  // Each step waits for a read-back here; a hundred show a leak as well.
  trainingSteps: 100,
});

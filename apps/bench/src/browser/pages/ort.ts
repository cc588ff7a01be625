import * as ort from 'onnxruntime-web/webgpu';
import { residentOnGpu } from '../../peers/ort/gpu.ts';
import { ortRunner } from '../../peers/ort/runner.ts';
import { expose } from './expose.ts';

ort.env.wasm.wasmPaths = '/ort/';

expose(
  ortRunner({
    ort,
    provider: 'webgpu',
    threads: 1,
    read: async (path) => new Uint8Array(await (await fetch(path)).arrayBuffer()),
    resident: residentOnGpu,
  }),
);

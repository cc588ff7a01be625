/** From nothing to the first answer on workerd, beside onnxruntime-web, which has to be patched to start there. */
import { cp, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { coldStart } from '@hebb/edge/node';
import type { ForwardCase } from '../cases/case.ts';
import { workOf } from '../cases/work.ts';
import { compareOutputs } from '../harness/compare.ts';
import { exportCase } from '../hebb/export.ts';
import { compileCase, servedCases } from '../shipped/compiled.ts';
import { projectFolder, writeProject } from './project.ts';

export interface EdgeCold {
  readonly case: string;
  readonly contender: string;
  /** Milliseconds from the start of the process to the first answer, beyond those of an empty worker; median. */
  readonly ms?: number;
  /** The same of the fastest start. */
  readonly bestMs?: number;
  /** Processor time of that. */
  readonly cpuMs?: number;
  /** Why there are no figures. */
  readonly reason?: string;
}

const hebbScript = `
import { serve } from '@hebb/edge';
import { loadModel } from './model/index.js';
const model = await loadModel();
const server = serve({ models: { model: { load: () => model } } });
export default { fetch: (request) => server.fetch(request) };
`;

/**
 * What stands in the way of onnxruntime-web on workerd: it looks for its file by its own address, which a worker has
 * not, and compiles the bytes that it finds, which a worker must not. Both are given to it.
 */
const ortScript = `
import * as ort from './ort.mjs';
import wasm from './ort.wasm';
import model from './model.onnx';
const instantiate = WebAssembly.instantiate;
WebAssembly.instantiate = async (source, imports) =>
  source instanceof WebAssembly.Module
    ? instantiate(source, imports)
    : { module: wasm, instance: await instantiate(wasm, imports) };
ort.env.wasm.numThreads = 1;
ort.env.wasm.wasmBinary = new ArrayBuffer(8);
let pending;
export default {
  async fetch(request) {
    if (request.method === 'GET') return new Response('ok');
    pending ??= ort.InferenceSession.create(new Uint8Array(model));
    const session = await pending;
    const { input: { data, shape } } = await request.json();
    const input = new ort.Tensor('float32', Float32Array.from(data), shape);
    const outputs = await session.run({ [session.inputNames[0]]: input });
    const described = Object.entries(outputs).map(([name, value]) =>
      [name, { shape: value.dims, dtype: value.type, data: [...value.data] }]);
    return Response.json({ outputs: Object.fromEntries(described) });
  },
};
`;

async function writeOrt(c: ForwardCase): Promise<string> {
  const folder = await projectFolder(`cold-ort-${c.name}`);
  const dist = dirname(createRequire(import.meta.url).resolve('onnxruntime-web'));
  const code = await readFile(join(dist, 'ort.wasm.bundle.min.mjs'), 'utf8');
  const patched = code.replaceAll('import.meta.url', '"file:///worker.mjs"');
  await writeFile(join(folder, 'ort.mjs'), patched.replace(/\/\/# sourceMappingURL=.*/, ''));
  await cp(join(dist, 'ort-wasm-simd-threaded.wasm'), join(folder, 'ort.wasm'));
  await writeFile(join(folder, 'model.onnx'), await exportCase(workOf(c)));
  await writeProject(folder, ortScript, { rules: [{ type: 'Data', globs: ['**/*.onnx'] }] });
  return folder;
}

async function writeHebb(c: ForwardCase): Promise<string> {
  const folder = await projectFolder(`cold-hebb-${c.name}`);
  await compileCase(c, 'worker', join(folder, 'model'));
  await writeProject(folder, hebbScript);
  return folder;
}

export interface EdgeColdOptions {
  readonly rounds: number;
  readonly progress: (message: string) => void;
}

export async function measureEdgeCold({ rounds, progress }: EdgeColdOptions): Promise<EdgeCold[]> {
  const results: EdgeCold[] = [];
  for (const c of servedCases) {
    const [input] = workOf(c).inputs.values();
    const { shape, data } = input!;
    const body = JSON.stringify({ input: { shape, data: Array.from(data, Number) } });
    const answers: Float32Array[] = [];
    for (const [contender, write] of [
      ['onnxruntime-web, patched', writeOrt],
      ['hebb-compiled', writeHebb],
    ] as const) {
      progress(`edge cold: ${c.name}, ${contender}`);
      const head = { case: c.name, contender };
      try {
        const directory = await write(c);
        const { ms, bestMs, startupMs, answer } = await coldStart({
          ...{ directory, body, runs: rounds, path: '/predict' },
          conditions: ['@hebb/source'],
        });
        const { outputs } = JSON.parse(answer) as { outputs: Record<string, { data: number[] }> };
        answers.push(Float32Array.from(Object.values(outputs)[0]!.data));
        const { reason } = compareOutputs([answers.at(-1)!], [answers[0]!], c.tolerance);
        results.push(
          reason === undefined
            ? { ...head, ms, bestMs, cpuMs: startupMs }
            : { ...head, reason: `wrong: ${reason}` },
        );
      } catch (error) {
        results.push({ ...head, reason: (error as Error).message.split('\n')[0]! });
      }
    }
  }
  return results;
}

/** Entry of the process that loads one published model: `node zoo/child.ts CONTENDER`, the task on its standard input. */
import { readFile, readFileSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { encode } from '../harness/protocol.ts';
import { median } from '../harness/statistics.ts';
import type { ZooAnswer, ZooContender, ZooTask, ZooTensor } from './protocol.ts';

type Data = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array;
type Run = () => Promise<readonly ArrayLike<number | bigint>[]>;

const kinds: Readonly<Record<string, (bytes: ArrayBuffer) => Data>> = {
  float32: (bytes) => new Float32Array(bytes),
  float64: (bytes) => new Float64Array(bytes),
  int32: (bytes) => new Int32Array(bytes),
  int64: (bytes) => new BigInt64Array(bytes),
  uint8: (bytes) => new Uint8Array(bytes),
};
function dataOf({ name, dtype, bytes }: ZooTensor): Data {
  const make = kinds[dtype];
  if (make === undefined) throw new Error(`input ${name} is ${dtype}`);
  return make(Uint8Array.from(Buffer.from(bytes, 'base64')).buffer);
}

/** A function that opens the model file: the library is loaded before the clock starts. */
async function opener(
  contender: ZooContender,
  task: ZooTask,
): Promise<(file: Uint8Array) => Promise<Run>> {
  if (contender === 'ort') {
    const ort = await import('onnxruntime-web');
    ort.env.wasm.numThreads = 1;
    ort.env.logLevel = 'error';
    return async (file) => {
      const session = await ort.InferenceSession.create(file, {
        executionProviders: ['wasm'],
        logSeverityLevel: 3,
      });
      return async () => {
        const feed = task.inputs.map((input) => {
          const { name, dtype, shape } = input;
          return [name, new ort.Tensor(dtype as 'float32', dataOf(input) as Float32Array, shape)];
        });
        const given = await session.run(Object.fromEntries(feed) as Record<string, never>);
        return Promise.all(
          task.outputs.map(async (name) => (await given[name]!.getData()) as Float32Array),
        );
      };
    };
  }
  const [{ init }, { wasm }, { importOnnx }] = await Promise.all([
    import('@hebb/core'),
    import('@hebb/backend-wasm'),
    import('@hebb/onnx'),
  ]);
  return async (file) => {
    await init(wasm({ threads: 1 }));
    const model = importOnnx(file);
    return async () => {
      const feed = task.inputs.map((input) => {
        const { name, dtype, shape } = input;
        return [
          name,
          { dtype: dtype as 'float32', shape, data: dataOf(input) as Float32Array },
        ] as const;
      });
      const given = await model.runValues(Object.fromEntries(feed));
      return task.outputs.map((name) => (given[name] as { data: Float32Array }).data);
    };
  };
}

/** Highest resident memory of the process so far, in bytes. */
const peak = (): number => process.resourceUsage().maxRSS * 1024;

/** Starts counting the highest memory anew, where the system can. */
function forgetPeak(): void {
  try {
    writeFileSync('/proc/self/clear_refs', '5');
  } catch {
    // Then what came before counts too, and the figure is too high rather than too low.
  }
}
function peakNow(): number {
  try {
    const line = /VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'));
    return line === null ? peak() : Number(line[1]) * 1024;
  } catch {
    return peak();
  }
}

const contender = process.argv[2] as ZooContender;
const task = JSON.parse(readFileSync(0, 'utf8')) as ZooTask;
const read = promisify(readFile);
const open = await opener(contender, task);
const load = async (): Promise<{
  run: Run;
  first: readonly ArrayLike<number | bigint>[];
  time: number;
}> => {
  const start = performance.now();
  const run = await open(await read(task.model));
  const first = await run();
  return { run, first, time: performance.now() - start };
};
forgetPeak();
const before = process.memoryUsage().rss;
const { run, first, time } = await load();
const peakBytes = Math.max(0, peakNow() - before);
const samples: number[] = [];
for (
  const end = performance.now() + task.milliseconds;
  performance.now() < end || samples.length < 3;
) {
  const start = performance.now();
  await run();
  samples.push(performance.now() - start);
}
const again = (await load()).time;
const answer: ZooAnswer = {
  load: time,
  again,
  peakBytes,
  // Without the calls that warm up.
  call: median(samples.slice(samples.length >> 1)),
  outputs: first.map((values) => encode(Float32Array.from(values, Number))),
};
process.stdout.write(`\nANSWER ${JSON.stringify(answer)}\n`, () => process.exit(0));

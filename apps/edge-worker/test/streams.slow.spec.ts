/**
 * Published recurrent models fed a recording piece by piece, the state carried along: on both backends, in
 * the compiled model and in a worker that keeps the state between requests, against ONNX Runtime.
 */
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cpu } from '@hebb/backend-cpu';
import { wasm } from '@hebb/backend-wasm';
import { compileOnnx, writeCompiled } from '@hebb/cli';
import { init, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { readWav } from '@hebb/data';
import { startWorker } from '@hebb/edge/node';
import { functional } from '@hebb/nn';
import { importOnnx } from '@hebb/onnx';
import type { TensorData } from '@hebb/onnx';
import { onnxRuntime } from '@hebb/onnx/node';
import { load, pickModule } from '@hebb/runtime';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const data = process.env['HEBB_DATA'] ?? at('../../../../shared/data');
const recording = join(data, 'datasets/fsdd/7_jackson_0.wav');

type Values = Readonly<Record<string, TensorData>>;
interface Stream {
  readonly model: string;
  /** Axes that the file leaves open. */
  readonly sizes: Readonly<Record<string, number>>;
  readonly input: string;
  readonly output: string;
  /** Input and output of the state. */
  readonly state: readonly [string, string];
  readonly stateShape: readonly number[];
  readonly others?: Values;
  /** Pieces of the sound, each as the model takes it. */
  pieces(sound: Tensor): Promise<TensorData[]>;
  /** What must be true of the first number of each answer, beyond the agreement. */
  heard(answers: readonly number[]): void;
}

const float32 = (values: Float32Array, shape: readonly number[]): TensorData => ({
  dtype: 'float32',
  shape: [...shape],
  data: values,
});

const streams: readonly Stream[] = [
  {
    model: 'silero-vad-16k-op15',
    sizes: { batch: 1, sequence: 576 },
    input: 'input',
    output: 'output',
    state: ['state', 'stateN'],
    stateShape: [2, 1, 128],
    others: { sr: { dtype: 'int64', shape: [], data: BigInt64Array.of(16000n) } },
    // 32 ms, and the last 4 ms of those before.
    pieces: async (sound) => {
      const samples = (await sound.data()) as Float32Array;
      const count = Math.floor((samples.length - 64) / 512);
      return Array.from({ length: count }, (_, i) =>
        float32(samples.slice(i * 512, i * 512 + 576), [1, 576]),
      );
    },
    heard: (speech) => {
      expect(Math.max(...speech)).toBeGreaterThan(0.8);
      expect(speech.at(-1)).toBeLessThan(0.3);
    },
  },
  {
    model: 'dtln-1',
    sizes: {},
    input: 'input_2',
    output: 'activation_2',
    state: ['input_3', 'tf_op_layer_stack_2'],
    stateShape: [1, 2, 128, 2],
    pieces: async (sound) => {
      const frames = functional.spectrogram(sound, {
        nFft: 512,
        hopLength: 128,
        window: 'rectangular',
        center: false,
        power: 1,
      });
      const values = (await frames.transpose(0, 1).data()) as Float32Array;
      return Array.from({ length: Math.min(30, values.length / 257) }, (_, i) =>
        float32(values.slice(i * 257, (i + 1) * 257), [1, 1, 257]),
      );
    },
    heard: (mask) => expect(mask.every((value) => value >= 0 && value <= 1)).toBe(true),
  },
];

const present = [recording, ...streams.map(({ model }) => join(data, 'models', model))].every(
  (path) => existsSync(path),
);
if (!present) {
  it.skip(`needs models and datasets/fsdd in ${data}`, () => undefined);
}

/** The recording at 16 kHz with half a second of silence after it. */
async function sound(): Promise<Tensor> {
  const { channels, sampleRate } = readWav(readFileSync(recording));
  const louder = functional.resample(tensor(channels[0]!), sampleRate, 16000);
  const samples = (await louder.data()) as Float32Array;
  const padded = new Float32Array(samples.length + 8000);
  padded.set(samples);
  return tensor(padded);
}

function expectClose(got: ArrayLike<number>, wanted: ArrayLike<number>): void {
  expect(got).toHaveLength(wanted.length);
  for (let i = 0; i < wanted.length; i++) {
    // Not `>`: NaN must not pass.
    expect(Math.abs(got[i]! - wanted[i]!)).toBeLessThan(1e-4);
  }
}

describe.each(present ? streams : [])('$model', (stream) => {
  const { input, output, stateShape, others = {} } = stream;
  const [stateIn, stateOut] = stream.state;
  const bytes = new Uint8Array(readFileSync(join(data, 'models', stream.model, 'model.onnx')));
  let pieces: TensorData[];
  let wanted: Float32Array[];

  beforeAll(async () => {
    await init(cpu());
    pieces = await stream.pieces(await sound());
    const session = await (await onnxRuntime()).load(bytes);
    let state = float32(new Float32Array(stateShape.reduce((a, b) => a * b)), stateShape);
    wanted = [];
    for (const piece of pieces) {
      const answer = await session.run({ [input]: piece, [stateIn]: state, ...others });
      wanted.push(answer[output]!.data as Float32Array);
      state = { ...answer[stateOut]!, shape: [...stateShape] } as TensorData;
    }
    await session.release();
    stream.heard(wanted.map((values) => values[0]!));
  });

  it.each([
    ['cpu', cpu],
    ['wasm', wasm],
  ] as const)('streams on %s', async (_, backend) => {
    await init(backend());
    const model = importOnnx(bytes);
    const fixed: Record<string, Tensor> = {};
    for (const [name, { data: values, shape, dtype }] of Object.entries(others)) {
      fixed[name] = tensor(values as BigInt64Array, { shape, dtype: dtype as 'int64' });
    }
    let state = tensor(new Float32Array(stateShape.reduce((a, b) => a * b)), {
      shape: stateShape,
    });
    for (const [i, { data: values, shape }] of pieces.entries()) {
      const answer = await model.run({
        [input]: tensor(values as Float32Array, { shape }),
        [stateIn]: state,
        ...fixed,
      });
      expectClose((await (answer[output] as Tensor).data()) as Float32Array, wanted[i]!);
      state = answer[stateOut] as Tensor;
    }
  });

  it('streams compiled, and in a worker that keeps the state', async () => {
    await init(cpu());
    const built = await compileOnnx(
      importOnnx(bytes),
      { name: 'stream', shapes: [stream.sizes], state: { [stateIn]: stateOut } },
      { simd: ['relaxed'] },
    );
    const { plan, modules, weights } = built;
    const module = new WebAssembly.Module(modules.get(pickModule(plan).file)!);
    const compiled = load({ plan, module, weights });
    for (const [i, piece] of pieces.entries()) {
      const answer = compiled.run({ [input]: piece, ...others } as Parameters<
        typeof compiled.run
      >[0]);
      expectClose(answer[output]!.data as Float32Array, wanted[i]!);
    }

    await mkdir(at('../out'), { recursive: true });
    const directory = await mkdtemp(at('../out/stream-'));
    await writeCompiled(built, 'worker', directory);
    const worker = await startWorker({ directory, conditions: ['@hebb/source'] });
    try {
      for (const [i, piece] of pieces.entries()) {
        const inputs = Object.entries({ [input]: piece, ...others }).map(([name, value]) => [
          name,
          { shape: value.shape, data: Array.from(value.data as Float32Array, Number) },
        ]);
        const response = await fetch(`${worker.url}/predict`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ inputs: Object.fromEntries(inputs) }),
        });
        expect(response.status).toBe(200);
        const answer = (await response.json()) as {
          outputs: Record<string, { data: number[] }>;
        };
        expectClose(answer.outputs[output]!.data, wanted[i]!);
      }
    } finally {
      await worker.stop();
      await rm(directory, { recursive: true });
    }
  });
});

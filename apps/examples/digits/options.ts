/** The command line of the demo. */
import { parseArgs } from 'node:util';

export interface DemoOptions {
  readonly quick: boolean;
  readonly epochs: number;
  readonly samples: number | undefined;
  readonly batchSize: number;
  readonly lr: number;
  readonly seed: number;
  readonly backend: 'wasm' | 'cpu';
  readonly worker: boolean;
}

const help = `Trains a CNN on handwritten digits, exports it to ONNX, checks it in another runtime and asks a local
edge worker.

usage: npm run demo [-- options]
  --quick         a part of the data and one short epoch: under a minute
  --backend NAME  wasm (default) or cpu, the plain interpreter: several times slower
  --epochs N      passes over the training images (default 4; 1 with --quick)
  --samples N     use only the first N training images
  --batch N       images a step (default 64)
  --lr X          peak learning rate (default 0.005)
  --seed N        same seed, same weights (default 0)
  --no-worker     leave the edge worker out
  --help
`;

export class UsageError extends Error {}

function integer(name: string, text: string, least: number): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < least) {
    throw new UsageError(
      `--${name} wants an integer of at least ${least}, got ${JSON.stringify(text)}`,
    );
  }
  return value;
}

/** Throws UsageError; returns undefined after printing the help. */
export function parseOptions(args: readonly string[]): DemoOptions | undefined {
  let values;
  try {
    ({ values } = parseArgs({
      args: [...args],
      strict: true,
      allowPositionals: false,
      options: {
        quick: { type: 'boolean', default: false },
        epochs: { type: 'string' },
        samples: { type: 'string' },
        batch: { type: 'string', default: '64' },
        lr: { type: 'string', default: '0.005' },
        backend: { type: 'string', default: 'wasm' },
        seed: { type: 'string', default: '0' },
        'no-worker': { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }));
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  if (values.help) {
    process.stdout.write(help);
    return undefined;
  }
  const lr = Number(values.lr);
  if (!(lr > 0 && Number.isFinite(lr)))
    throw new UsageError(`--lr wants a positive number, got ${values.lr}`);
  if (values.backend !== 'wasm' && values.backend !== 'cpu') {
    throw new UsageError(`--backend is wasm or cpu, got ${JSON.stringify(values.backend)}`);
  }
  return {
    backend: values.backend,
    quick: values.quick,
    epochs:
      values.epochs === undefined ? (values.quick ? 1 : 4) : integer('epochs', values.epochs, 1),
    samples:
      values.samples === undefined
        ? values.quick
          ? 16_000
          : undefined
        : integer('samples', values.samples, 10),
    batchSize: integer('batch', values.batch, 1),
    lr,
    seed: integer('seed', values.seed, 0),
    worker: !values['no-worker'],
  };
}

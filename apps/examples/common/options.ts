/** The command line that all examples share, and each one's own switches beside it. */
import { parseArgs } from 'node:util';

/** A switch of one example: text with a default, or on and off. */
export type OptionSpec =
  | { readonly type: 'boolean'; readonly help: string }
  | { readonly type: 'string'; readonly help: string; readonly default?: string };

export interface Options {
  /** A part of the data and few epochs: under a minute. */
  readonly quick: boolean;
  readonly backend: 'wasm' | 'cpu';
  readonly threads: number;
  readonly seed: number;
  /** Ask the compiled model on a local edge worker as well. */
  readonly worker: boolean;
  /** The example's own switches. */
  readonly own: Readonly<Record<string, string | boolean | undefined>>;
}

export class UsageError extends Error {}

const shared = {
  quick: { type: 'boolean', help: 'a part of the data and few epochs: under a minute' },
  backend: { type: 'string', default: 'wasm', help: 'wasm (default) or cpu' },
  threads: { type: 'string', default: '2', help: 'threads of the wasm backend (default 2)' },
  seed: { type: 'string', default: '0', help: 'same seed, same numbers (default 0)' },
  'no-worker': { type: 'boolean', help: 'leave the edge worker out' },
  help: { type: 'boolean', help: 'this text' },
} as const satisfies Record<string, OptionSpec>;

export function helpText(
  name: string,
  summary: string,
  own: Readonly<Record<string, OptionSpec>>,
): string {
  const lines = Object.entries({ ...own, ...shared }).map(
    ([key, { type, help }]) => `  --${key}${type === 'string' ? ' VALUE' : ''}`.padEnd(24) + help,
  );
  return `${summary}.\n\nusage: npm run ${name} -w apps/examples [-- options]\n${lines.join('\n')}\n`;
}

/** @throws UsageError; undefined when help was asked for. */
export function parseOptions(
  args: readonly string[],
  own: Readonly<Record<string, OptionSpec>> = {},
): Options | undefined {
  const config = Object.fromEntries(
    Object.entries({ ...own, ...shared }).map(([key, spec]) => [
      key,
      spec.type === 'string' && spec.default !== undefined
        ? { type: spec.type, default: spec.default }
        : { type: spec.type },
    ]),
  );
  let values: Record<string, unknown>;
  try {
    ({ values } = parseArgs({
      args: [...args],
      strict: true,
      allowPositionals: false,
      options: config,
    }));
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
  if (values['help'] === true) return undefined;
  const { backend } = values;
  if (backend !== 'wasm' && backend !== 'cpu') {
    throw new UsageError(`--backend wants wasm or cpu, got ${JSON.stringify(backend)}`);
  }
  const named = Object.fromEntries(
    Object.keys(own).map((key) => [key, values[key] as string | boolean | undefined]),
  );
  return {
    quick: values['quick'] === true,
    backend,
    threads: integer('threads', values['threads'], 1),
    seed: integer('seed', values['seed'], 0),
    worker: values['no-worker'] !== true,
    own: named,
  };
}

/** @throws UsageError for what is no integer of at least `least`. */
export function integer(name: string, text: unknown, least: number): number {
  const value = typeof text === 'string' && text.trim() !== '' ? Number(text) : NaN;
  if (!Number.isSafeInteger(value) || value < least) {
    throw new UsageError(
      `--${name} wants an integer of at least ${least}, got ${JSON.stringify(text)}`,
    );
  }
  return value;
}

/** @throws UsageError for what is no number between the bounds, both left out. */
export function between(name: string, text: unknown, low: number, high: number): number {
  const value = typeof text === 'string' && text.trim() !== '' ? Number(text) : NaN;
  if (!(value > low && value < high)) {
    const wanted = high === Infinity ? `above ${low}` : `between ${low} and ${high}`;
    throw new UsageError(`--${name} wants a number ${wanted}, got ${JSON.stringify(text)}`);
  }
  return value;
}

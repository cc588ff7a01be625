/**
 * What parent and child say to each other: one JSON object a line, commands on the child's standard input,
 * answers on its fourth stream, so that what a library prints does no harm. Python speaks it too.
 */
import type { Family } from '../cases/case.ts';
import type { Files } from './runner.ts';

export type Command =
  | {
      readonly do: 'load';
      readonly family: Family;
      readonly name: string;
      readonly files: Files;
      /** Calls whose outputs come back: one, or the first training steps. */
      readonly calls: number;
    }
  /** Calls for about this long, and at least once. */
  | { readonly do: 'measure'; readonly milliseconds: number }
  /** So many calls, then a look at the memory. */
  | { readonly do: 'watch'; readonly calls: number }
  | { readonly do: 'finish' };

/** Bytes, after a garbage collection. */
export interface MemoryUse {
  /** Of the process. */
  readonly resident: number;
  /** Objects of JavaScript. */
  readonly heap: number;
  /** Outside of them: WebAssembly memories, arrays. */
  readonly external: number;
  /** Values that the library holds on its backend. */
  readonly values: number;
}

export type Answer =
  | {
      readonly did: 'load';
      /** Milliseconds from weights in memory (or a file) to the first answer. */
      readonly first: number;
      /** Of the calls: base64 of float32, little-endian. */
      readonly outputs: readonly string[];
    }
  | { readonly did: 'measure'; readonly samples: readonly number[] }
  | { readonly did: 'watch'; readonly use: MemoryUse }
  | { readonly did: 'finish'; readonly peakBytes: number }
  | { readonly did: 'fail'; readonly message: string };

export const answerStream = 3;

export function encode(values: Float32Array): string {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('base64');
}
export function decode(text: string): Float32Array {
  const bytes = Uint8Array.from(Buffer.from(text, 'base64'));
  return new Float32Array(bytes.buffer);
}

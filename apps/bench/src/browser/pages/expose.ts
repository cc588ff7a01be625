/** The page's side: a runner, commanded by the process that opened the page. */
import type { Family } from '../../cases/case.ts';
import { findCase } from '../../cases/index.ts';
import { workOf } from '../../cases/work.ts';
import type { Files, Loaded, Runner } from '../../harness/runner.ts';
import { measureCalls, openSession } from '../../harness/session.ts';

export interface PageBench {
  load(
    family: Family,
    name: string,
    files: Files,
    calls: number,
  ): Promise<{ readonly first: number; readonly outputs: readonly string[] }>;
  measure(milliseconds: number): Promise<readonly number[]>;
}

export function expose(runner: Runner): void {
  let loaded: Loaded | undefined;
  const bench: PageBench = {
    async load(family, name, files, calls) {
      const session = await openSession(runner, workOf(findCase(family, name)), files, calls);
      loaded = session.loaded;
      return { first: session.first, outputs: session.outputs.map(base64) };
    },
    measure: (milliseconds) => measureCalls(loaded!, milliseconds),
  };
  Object.assign(globalThis, { bench });
}

function base64(values: Float32Array): string {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  let text = '';
  // In parts: a call takes no more arguments than that.
  for (let at = 0; at < bytes.length; at += 8192) {
    text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  }
  return btoa(text);
}

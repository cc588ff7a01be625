/** Bytes that each contender ships. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Sheet } from '../report/summary.ts';
import { compiledName } from '../contenders.ts';
import type { ForwardCase } from '../cases/case.ts';
import { compileCase, servedCases } from './compiled.ts';
import { assetPath, bundle, shipped } from './programs.ts';

export interface Size {
  readonly contender: string;
  /** Bytes, minified, and after gzip. */
  readonly script?: { readonly raw: number; readonly gzip: number };
  readonly wasm?: { readonly raw: number; readonly gzip: number };
  readonly reason?: string;
}

export async function measureSizes(
  folder: string,
  names: readonly string[] | undefined,
): Promise<Size[]> {
  const sizes: Size[] = [];
  for (const each of shipped) {
    const { contender, assets = [] } = each;
    if (names !== undefined && !names.includes(contender)) continue;
    const outfile = join(folder, `${contender}.size.mjs`);
    try {
      await bundle(each.entry, { outfile, platform: 'browser' });
      const files = await Promise.all(assets.map((asset) => readFile(assetPath(asset))));
      sizes.push({
        contender,
        script: bytes([await readFile(outfile)]),
        wasm: bytes(files),
      });
    } catch (error) {
      sizes.push({ contender, reason: firstLine(error) });
    }
  }
  if (names?.includes(compiledName) ?? true) {
    for (const c of servedCases) sizes.push(await compiledSize(c, folder));
  }
  return sizes;
}

/** The folder of a compiled model: its own small module, and only what plays it. */
async function compiledSize(c: ForwardCase, folder: string): Promise<Size> {
  const contender = `${compiledName}, ${c.name}`;
  try {
    const out = join(folder, `compiled-${c.name}`);
    await compileCase(c, 'browser', out);
    const outfile = join(folder, `compiled-${c.name}.size.mjs`);
    const entry = `export { loadModel } from './index.js';`;
    await bundle(entry, { outfile, platform: 'browser', folder: out });
    return {
      contender,
      script: bytes([await readFile(outfile)]),
      wasm: bytes([await readFile(join(out, 'model.wasm'))]),
    };
  } catch (error) {
    return { contender, reason: firstLine(error) };
  }
}

function bytes(files: readonly Buffer[]): { raw: number; gzip: number } {
  const sum = (size: (file: Buffer) => number) => files.reduce((all, f) => all + size(f), 0);
  return { raw: sum((f) => f.length), gzip: sum((f) => gzipSync(f, { level: 9 }).length) };
}

export const firstLine = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).trim().split('\n').slice(0, 2).join(' ');

const kilobytes = (n: number | undefined): string =>
  n === undefined ? '–' : n === 0 ? '' : (n / 1000).toFixed(n < 10_000 ? 1 : 0);

export function sizeSheet(sizes: readonly Size[]): Sheet {
  const known = sizes.filter(({ reason }) => reason === undefined);
  return {
    title: 'Shipped for inference, without weights: kilobytes',
    head: ['contender', 'script', 'script, gzip', 'wasm', 'wasm, gzip', 'together, gzip'],
    rows: known.map(({ contender, script, wasm }) => [
      contender,
      kilobytes(script?.raw),
      kilobytes(script?.gzip),
      kilobytes(wasm?.raw),
      kilobytes(wasm?.gzip),
      kilobytes((script?.gzip ?? 0) + (wasm?.gzip ?? 0)),
    ]),
    notes: sizes.flatMap(({ contender, reason }) =>
      reason ? [`${contender} is out: ${reason}`] : [],
    ),
  };
}

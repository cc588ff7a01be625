/**
 * Generates src/codec/generated/onnx.ts from schema/onnx.proto: `npm run generate -w packages/onnx`.
 * protobufjs-cli writes static code (nothing is evaluated when it runs, as workers require), with
 * only what the codec needs: a constructor, encode and decode for each message.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import pbjs from 'protobufjs-cli/pbjs.js';

const SCHEMA = fileURLToPath(new URL('../schema/onnx.proto', import.meta.url));

/** The committed file. */
export const OUTPUT = fileURLToPath(new URL('../src/codec/generated/onnx.ts', import.meta.url));

const OPTIONS = [
  ['--target', 'static-module'],
  ['--wrap', 'esm', '--es6', '--root', 'hebb-onnx'],
  ['--no-create', '--no-verify', '--no-convert', '--no-delimited', '--no-typeurl', '--no-service'],
  ['--no-comments'],
].flat();

const HEADER = `\
// Generated from schema/onnx.proto by scripts/generate.ts (npm run generate). Do not edit.
// @ts-nocheck: static code of protobufjs-cli is JavaScript; its types are those of WireRoot.
import type { WireRoot } from '../wire.ts';
`;

/** The text that {@link OUTPUT} must have. */
export async function generate(): Promise<string> {
  const code = await new Promise<string>((resolve, reject) => {
    pbjs.main([...OPTIONS, SCHEMA], (error: Error | null, output?: string) => {
      if (error) reject(error);
      else resolve(output ?? '');
    });
  });
  const body = code
    .replace(/^\/\*eslint-disable.*\*\/\n/, '')
    // A message need not own an empty list for each repeated field (the prototype has one, and
    // decode makes one when needed): a third of the memory that a hostile file can claim.
    .replace(/^\s*this\.\w+ = \[\];\n/gm, '')
    // The type is stated, so that no declaration is inferred from four thousand lines.
    .replace(/^export const onnx = /m, 'export const onnx: WireRoot = ')
    .replace(/\nexport \{\s*\$root as default\s*\};?\n?/, '\n');
  return `${HEADER}${body.trimEnd()}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  mkdirSync(new URL('../src/codec/generated/', import.meta.url), { recursive: true });
  writeFileSync(OUTPUT, await generate());
}

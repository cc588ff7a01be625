#!/usr/bin/env node
/** `npm run operators`: the table of operators in docs/operators.md. */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { writeBytes } from '@hebb/data/node';
import { operatorTable } from './operators/table.ts';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const { values } = parseArgs({
  options: {
    data: { type: 'string', default: process.env['HEBB_DATA'] ?? at('../../../../shared/data') },
    out: { type: 'string', default: at('../../../docs/operators.md') },
  },
});
const text = await operatorTable(values.data, (line) => void process.stdout.write(`${line}\n`));
await writeBytes(values.out, new TextEncoder().encode(text));
process.stdout.write(`written to ${values.out}\n`);

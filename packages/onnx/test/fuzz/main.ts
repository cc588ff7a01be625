/** `npm run fuzz -- --minutes 10 --seed 1`: the fuzzer by hand. Files that it finds are written. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { cpu } from '@hebb/backend-cpu';
import { init } from '@hebb/core';
import { corpus } from './corpus.ts';
import { fuzz } from './fuzz.ts';
import type { Finding } from './fuzz.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    count: { type: 'string' },
    out: { type: 'string', default: 'fuzz-findings' },
  },
});
await init(cpu());
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const seed = Number(values.seed);
say(`seed ${seed}`);
const report = await fuzz({
  models: await corpus(),
  seed,
  milliseconds: Number(values.minutes) * 60_000,
  ...(values.count === undefined ? {} : { count: Number(values.count) }),
  onFinding: (finding: Finding) => say(`seed ${finding.seed}: ${finding.problem}`),
});
say(`${report.count} files: ${JSON.stringify(report.outcomes)}`);
say(`slowest: seed ${report.slowest.seed}, ${report.slowest.milliseconds.toFixed(0)} ms`);
for (const { seed: own, bytes } of report.findings) {
  await mkdir(values.out, { recursive: true });
  await writeFile(join(values.out, `${own}.onnx`), bytes);
}
say(
  report.findings.length === 0 ? 'nothing found' : `${report.findings.length} found: ${values.out}`,
);
if (report.findings.length > 0) process.exitCode = 1;

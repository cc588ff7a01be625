/** `npm run bench -- edge` as a person runs it, with few requests. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { EdgeResult } from '../src/edge/bench.ts';

const node = join(dirname(createRequire(import.meta.url).resolve('node/package.json')), 'bin/node');
const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));

function bench(...args: string[]): { out: string; complaint: string } {
  const { stdout, stderr } = spawnSync(
    node,
    ['--conditions=@hebb/source', '--disable-warning=ExperimentalWarning', main, ...args],
    { encoding: 'utf8' },
  );
  return { out: stdout, complaint: stderr };
}

it('loads a decoder and writes tables and charts; wrong answers would be counted', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'hebb-bench-test-'));
  try {
    const [json, html] = [join(folder, 'edge.json'), join(folder, 'edge.html')];
    const { out, complaint } = bench(
      ...['edge', 'decoder', '--requests', '60', '--concurrency', '16'],
      ...['--json', json, '--html', html],
    );
    expect(complaint).toBe('');
    expect(out).toMatch(/decoder, streams of 8 tokens\s+│\s+60 │\s+0 │/);
    const { edge, command } = JSON.parse(await readFile(json, 'utf8')) as {
      edge: EdgeResult;
      command: string;
    };
    expect(command).toBe('npm run bench -- edge decoder --requests 60 --concurrency 16');
    const [only] = edge.loads;
    expect(only!.report.statuses).toEqual({ 200: 60 });
    const { percentiles } = only!.report;
    expect(percentiles).toEqual([...percentiles].sort((a, b) => a - b));
    expect(only!.heap!.every((bytes) => bytes > 0)).toBe(true);
    const page = await readFile(html, 'utf8');
    expect(page.match(/<svg /g)).toHaveLength(3);
    expect(page).toContain('streams of 8 tokens');
    expect(page).not.toMatch(/NaN|undefined|src="http/);
    const markdown = join(folder, 'page.md');
    expect(bench('report', json, '--out', markdown).complaint).toBe('');
    expect(await readFile(markdown, 'utf8')).toContain('## On local workerd: 16 requests at once');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

it('knows its cases', () => {
  expect(bench('edge', 'none').complaint).toBe('bench: no case none: lenet, wide, decoder, cold\n');
});

/** The command as a person runs it. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromiumPath, noChromium } from '@hebb/conformance/browser';
import type { GpuResult } from '../src/browser/bench.ts';
import type { CaseResult } from '../src/harness/contest.ts';
import type { MemoryResult } from '../src/memory/memory.ts';
import { zooFolder } from '../src/zoo/zoo.ts';
import type { ZooResult } from '../src/zoo/zoo.ts';

const node = join(dirname(createRequire(import.meta.url).resolve('node/package.json')), 'bin/node');
const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));

function bench(...args: string[]): { code: number | null; out: string; complaint: string } {
  const { status, stdout, stderr } = spawnSync(
    node,
    ['--conditions=@hebb/source', '--disable-warning=ExperimentalWarning', main, ...args],
    { encoding: 'utf8' },
  );
  return { code: status, out: stdout, complaint: stderr };
}

const there = (await chromiumPath()) !== undefined;

describe('npm run bench', () => {
  it('prints a table and writes it as JSON and Markdown', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hebb-bench-test-'));
    try {
      const [json, markdown] = [join(folder, 'out.json'), join(folder, 'out.md')];
      const quick = ['--rounds', '1', '--slice', '5', '--contenders', 'hebb,ort'];
      const { code, out, complaint } = bench(
        ...['kernels', 'matmul-64', ...quick, '--json', json, '--markdown', markdown],
      );
      expect([code, complaint]).toEqual([0, '']);
      expect(out).toMatch(/cores, .* Node 24/);
      expect(out).toMatch(/matmul-64 .*× ort/);
      const data = JSON.parse(await readFile(json, 'utf8')) as {
        machine: { cores: number };
        kernels: readonly { case: string; results: readonly { status: string }[] }[];
      };
      expect(data.machine.cores).toBeGreaterThan(0);
      expect(data.kernels[0]!.results.map(({ status }) => status)).toEqual(['timed', 'timed']);
      expect(await readFile(markdown, 'utf8')).toMatch(/\| matmul-64 \|.*× ort \|/);
      const page = join(folder, 'page.md');
      expect(bench('report', json, '--out', page).complaint).toBe('');
      expect(await readFile(page, 'utf8')).toBe(await readFile(markdown, 'utf8'));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  (there ? it : it.skip)(
    `compares on a graphics processor${there ? '' : ` ${noChromium}`}`,
    async () => {
      const folder = await mkdtemp(join(tmpdir(), 'hebb-bench-test-'));
      try {
        const json = join(folder, 'out.json');
        const quick = ['--rounds', '1', '--slice', '5', '--small', '--json', json];
        const names = ['hebb-webgpu', 'ort-webgpu', 'torch-cuda'];
        const { code, out, complaint } = bench(
          ...['--backend', 'webgpu', 'kernels', 'matmul-64', '--python', 'false', ...quick],
          ...['--contenders', names.join(',')],
        );
        expect([code, complaint]).toEqual([0, '']);
        expect(out).toMatch(/matmul-64 .*× ort-webgpu/);
        const { webgpu } = JSON.parse(await readFile(json, 'utf8')) as { webgpu: GpuResult };
        expect(webgpu.peak.f32).toBeGreaterThan(1e6);
        expect(webgpu.small).toBe(true);
        const [{ results }] = webgpu.kernels as [CaseResult];
        expect(results.map(({ status }) => status)).toEqual(['timed', 'timed', 'skipped']);
        expect(results[0]).toMatchObject({ judge: 'ort-webgpu' });
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
  );

  const published = existsSync(join(zooFolder(), 'mnist-12'));
  // Without the published models there is nothing to load.
  (published ? it : it.skip)('loads a published model and compares its memory', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hebb-bench-test-'));
    try {
      const json = join(folder, 'out.json');
      const quick = ['--rounds', '1', '--slice', '20', '--json', json];
      const { code, complaint } = bench('load', 'mnist-12', ...quick);
      expect([code, complaint]).toEqual([0, '']);
      const { load } = JSON.parse(await readFile(json, 'utf8')) as { load: ZooResult[] };
      expect(load.map(({ contender }) => contender)).toEqual(['hebb', 'ort']);
      for (const { reason, peakBytes, call } of load) {
        expect(reason).toBeUndefined();
        expect(peakBytes).toBeGreaterThan(0);
        expect(call).toBeGreaterThan(0);
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('watches the memory of a training loop', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hebb-bench-test-'));
    try {
      const json = join(folder, 'out.json');
      expect(bench('memory', 'lenet', '--json', json).complaint).toBe('');
      const { memory } = JSON.parse(await readFile(json, 'utf8')) as { memory: MemoryResult[] };
      const [{ reason, uses }] = memory as [MemoryResult];
      expect(reason).toBeUndefined();
      expect(uses).toHaveLength(3);
      expect(uses!.map(({ values }) => values)).toEqual(uses!.map(() => uses![0]!.values));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it.each([
    [['infer', 'alexnet'], /no case alexnet: mlp, lenet/],
    [['infer', '--contenders', 'numpy'], /no contender numpy/],
    [['speed'], /kernels, infer, train, cold, sizes, load, memory/],
    [['cold', '--backend', 'webgpu'], /--backend webgpu measures kernels, infer, train, not cold/],
    [['--backend', 'webgpu', '--contenders', 'ort'], /no contender ort: hebb-webgpu/],
    [['infer', '--rounds', '0'], /a number above 0/],
    [['infer', '--rounds', '1.5'], /a whole number/],
  ])('refuses %j', (args, message) => {
    const { code, complaint } = bench(...args);
    expect(code).toBe(1);
    expect(complaint).toMatch(message);
  });
});

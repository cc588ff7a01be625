/** The harness with real processes, on the smallest cases. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findCase } from '../src/cases/index.ts';
import { selectContenders } from '../src/contenders.ts';
import type { Contender } from '../src/contenders.ts';
import { contest } from '../src/harness/contest.ts';
import type { CaseResult, ContestOptions, Result } from '../src/harness/contest.ts';
import { hostOf, launchOf } from '../src/harness/launch.ts';
import type { Launch } from '../src/harness/process.ts';

// Contenders run from their sources, which Node 20 cannot: the workspace's own Node starts them.
const node = join(dirname(createRequire(import.meta.url).resolve('node/package.json')), 'bin/node');
const host = hostOf(node);
const fixture = (name: string) => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
const run = (file: string): Launch => ({
  command: node,
  args: ['--conditions=@hebb/source', '--disable-warning=ExperimentalWarning', fixture(file)],
});

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hebb-bench-test-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const options = (more: Partial<ContestOptions> = {}): ContestOptions => ({
  rounds: 1,
  milliseconds: 5,
  budget: 1000,
  patience: 150_000,
  host,
  folder,
  ...more,
});
const of = (result: CaseResult, name: string): Result =>
  result.results.find(({ contender }) => contender === name)!;

/** Starts a fixture in place of one contender. */
const instead = (name: string, file: string) => (contender: Contender) =>
  contender.name === name ? run(file) : launchOf(contender, host);

describe('a contest', () => {
  it('times contenders that agree', async () => {
    const contenders = selectContenders(['hebb', 'hebb-cpu', 'ort', 'tfjs', 'jax-js']);
    const result = await contest(findCase('kernels', 'matmul-64'), contenders, options());
    expect(result.flops).toBe(2 * 64 ** 3);
    for (const each of result.results) {
      expect(each).toMatchObject({ status: 'timed', judge: 'ort' });
      if (each.status !== 'timed') continue;
      expect(each.rounds).toHaveLength(1);
      expect(each.milliseconds).toBeGreaterThan(0);
      expect(each.first).toBeGreaterThan(0);
      expect(each.peakBytes).toBeGreaterThan(10e6);
      expect(each.error).toBeLessThan(1e-5);
    }
  });

  it('trains: the losses of the first steps agree', async () => {
    const contenders = selectContenders(['hebb', 'hebb-cpu', 'jax-js', 'tfjs', 'ort']);
    const result = await contest(findCase('train', 'mlp'), contenders, options());
    for (const name of ['hebb', 'hebb-cpu', 'jax-js', 'tfjs']) {
      expect(of(result, name)).toMatchObject({ status: 'timed', judge: 'jax-js' });
    }
    expect(of(result, 'ort')).toEqual({
      contender: 'ort',
      status: 'skipped',
      reason: 'does not train',
    });
  });

  it('catches a contender whose numbers are wrong, and does not time it', async () => {
    const contenders = selectContenders(['hebb-cpu', 'ort']);
    const launch = instead('hebb-cpu', 'wrong.ts');
    const result = await contest(findCase('kernels', 'matmul-64'), contenders, options({ launch }));
    const wrong = of(result, 'hebb-cpu');
    expect(wrong).toMatchObject({ status: 'wrong' });
    expect(wrong.status === 'wrong' && wrong.reason).toMatch(/^differs by .* against ort$/);
    expect(wrong).not.toHaveProperty('milliseconds');
    expect(of(result, 'ort')).toMatchObject({ status: 'timed' });
  });

  it('goes on without a contender that dies or does not answer', async () => {
    const contenders = selectContenders(['hebb-cpu', 'tfjs', 'jax-js']);
    const launch = (contender: Contender): Launch => {
      if (contender.name === 'tfjs') return { ...run('silent.ts'), patience: 1000 };
      if (contender.name === 'jax-js') return run('missing.ts');
      return launchOf(contender, host);
    };
    const result = await contest(findCase('infer', 'mlp'), contenders, options({ launch }));
    expect(of(result, 'hebb-cpu')).toMatchObject({ status: 'timed' });
    expect(of(result, 'tfjs')).toMatchObject({
      status: 'skipped',
      reason: 'no answer to load within 1 s',
    });
    const dead = of(result, 'jax-js');
    expect(dead.status === 'skipped' && dead.reason).toMatch(/process ended with 1: Error/);
  });
});

describe('selectContenders', () => {
  it('names the contenders when one is unknown', () => {
    expect(() => selectContenders(['hebb', 'numpy'])).toThrow(/no contender numpy: hebb, hebb-2/);
  });
});

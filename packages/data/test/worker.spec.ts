import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { workerDataset } from '../src/node.ts';
import type { WorkerDataset } from '../src/node.ts';

const module = new URL('worker-source.ts', import.meta.url);
const open: WorkerDataset[] = [];
async function dataset(name: string, args: unknown[], workers: number): Promise<WorkerDataset> {
  const made = await workerDataset({ module, export: name, args }, { workers });
  open.push(made);
  return made;
}
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
});

const plan = Array.from({ length: 10 }, (_, k) => [k, 39 - k, (3 * k) % 40, k + 20]);

describe('workerDataset', () => {
  it.each([1, 3])('gives with %d threads what it gives without', async (workers) => {
    const here = await dataset('augmented', [5], 0);
    const there = await dataset('augmented', [5], workers);
    expect([there.length, there.workers, there.ahead]).toEqual([40, workers, 2 * workers]);
    for (const epoch of [0, 2]) {
      const wanted = plan.map((indices) => here.batch(indices, epoch));
      expect(wanted[0]).not.toBeInstanceOf(Promise);
      const got = await Promise.all(plan.map(async (indices) => there.batch(indices, epoch)));
      expect(got).toEqual(wanted);
    }
  });

  it('leaves a data set what it gave away', async () => {
    const there = await dataset('shared', [], 1);
    const first = await there.batch([0]);
    expect(first['label']!.data.length).toBe(40);
    expect(await there.batch([0])).toEqual(first);
  });

  it('tells what went wrong with one batch, and goes on', async () => {
    for (const workers of [0, 2]) {
      const data = await dataset('spiteful', ['throws'], workers);
      const ask = async (indices: number[]) => data.batch(indices);
      await expect(ask([6, 7])).rejects.toMatchObject({
        name: 'DataError',
        kind: 'corrupt',
        message: expect.stringContaining('sample 7 is damaged') as string,
      });
      expect((await ask([6, 8]))['label']!.data).toEqual(Int32Array.of(6, 8));
      await expect(ask([40])).rejects.toThrow('no such sample');
    }
    const data = await dataset('spiteful', ['throws'], 1);
    expect(() => data.get(0)).toThrow('ask for a batch');
  });

  it.each([
    ['exits', /died: it ended with code 3/],
    ['crashes', /died: out of the blue/],
  ])('a thread that %s is an error for all it owes and all that come', async (how, message) => {
    const data = await dataset('spiteful', [how], 1);
    const ask = async (index: number) => data.batch([index]);
    // None of them waits for ever. A crash comes a moment after the batch that caused it.
    const [, second] = await Promise.allSettled([ask(1), ask(7), ask(2)]);
    if (how === 'exits') expect(second.status).toBe('rejected');
    const alive = async () => ask(2).then(Boolean, () => false);
    for (let tries = 0; tries < 3000 && (await alive()); tries++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await expect(data.batch([3])).rejects.toThrow(message);
  });

  it('names what cannot be built', async () => {
    for (const workers of [0, 1]) {
      await expect(dataset('none', [], workers)).rejects.toThrow(/has no function "none"/);
      await expect(dataset('nothing', [], workers)).rejects.toThrow('gives no data set');
      await expect(dataset('fails', [], workers)).rejects.toThrow('no such folder');
    }
    const missing = { module: new URL('nowhere.ts', import.meta.url), export: 'x' };
    await expect(workerDataset(missing)).rejects.toThrow(/nowhere\.ts cannot be loaded/);
    await expect(workerDataset(missing, { workers: -1 })).rejects.toThrow('workers is a whole');
    const flag = new Int32Array(new SharedArrayBuffer(4));
    await expect(dataset('uneven', [flag], 2)).rejects.toThrow('differ in length');
  });

  it('batches that are owed when it is closed fail', async () => {
    const data = await dataset('spiteful', ['waits'], 1);
    const owed = data.batch([0, 1, 2, 3]) as Promise<unknown>;
    const told = expect(owed).rejects.toThrow(/closed|died/);
    await data.close();
    await told;
    await expect(data.batch([0])).rejects.toThrow('closed');
  });

  it('does not keep a program alive that has what it wanted', async () => {
    const script = `
      import { workerDataset } from '@hebb/data/node';
      const data = await workerDataset({ module: ${JSON.stringify(module.href)}, export: 'augmented', args: [1] });
      const { label } = await data.batch([3, 4]);
      console.log([...label.data].join());`;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--conditions=@hebb/source', '--input-type=module', '--eval', script],
      { cwd: join(import.meta.dirname, '..'), timeout: 120_000 },
    );
    expect(stdout).toBe('3,4\n');
  });
});

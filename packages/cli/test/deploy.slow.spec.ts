/**
 * `hebb deploy` with the real wrangler as far as it goes without an account; what goes further is taken down by one
 * that is not real, and a server in this process stands for the deployed worker.
 */
import { appendFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cpu } from '@hebb/backend-cpu';
import { init, manualSeed } from '@hebb/core';
import { serve } from '@hebb/edge';
import { listen } from '@hebb/edge/server';
import { Linear, Sequential, Softmax } from '@hebb/nn';
import { exportOnnx } from '@hebb/onnx/node';
import { load } from '@hebb/runtime';
import { main } from '../src/index.ts';
import { loadable, readCompiled } from '../src/doctor/folder.ts';
import { fakeWrangler, outsider } from './workspace.ts';

let folder: string;
const here = process.cwd();
beforeAll(async () => {
  folder = await outsider();
  await fakeWrangler(folder);
  await account({});
  process.chdir(folder);
  await init(cpu());
  manualSeed(3);
  const net = new Sequential(new Linear(4, 3), new Softmax(1)).eval();
  await exportOnnx(net, join(folder, 'iris.onnx'), { input: { x: ['batch', 4] }, output: ['y'] });
});
afterAll(async () => {
  process.chdir(here);
  await rm(folder, { recursive: true, force: true });
});

const account = (state: { deployed?: string; deployCode?: number }): Promise<void> =>
  writeFile(join(folder, 'account.json'), JSON.stringify(state));

async function deploy(...args: string[]) {
  await writeFile(join(folder, 'calls.jsonl'), '');
  let text = '';
  const take = (chunk: string): void => void (text += chunk);
  const code = await main(['deploy', ...args], { out: take, err: take });
  const calls = (await readFile(join(folder, 'calls.jsonl'), 'utf8'))
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as string[])
    // The doctor's bundle.
    .filter((call) => !(call.includes('--dry-run') && call.includes('--minify')));
  return { code, text, calls };
}
const iris = ['iris.onnx', '--shape', 'batch=1'];

/** What would be deployed: the project's own model, right or not. */
async function deployed(isRight: boolean) {
  const model = load(await loadable(await readCompiled(join(folder, 'iris/model'))));
  return listen(
    serve({
      models: {
        iris: {
          load: () => ({
            inputs: model.inputs,
            outputs: model.outputs,
            run: (given) => {
              const outputs = model.run(given);
              if (!isRight) outputs['y']!.data[0] = 0.123;
              return outputs;
            },
          }),
        },
      },
    }),
    { port: 0 },
  );
}

it('writes a project, says whether it fits, and tries it on local workerd without an account', async () => {
  const { code, text, calls } = await deploy(...iris, '--dry-run', '--env', 'staging');
  expect(text).toMatch(/iris on the free plan: fits/);
  expect(text).toMatch(/Total Upload/);
  expect(text).toMatch(/smoke test on this machine: answers as it should/);
  expect(code).toBe(0);
  expect(calls.map(([command]) => command)).toEqual(['deploy', 'dev']);
  expect(calls[0]).toEqual(['deploy', '--dry-run', '--env', 'staging']);
  const manifest = JSON.parse(await readFile(join(folder, 'iris/package.json'), 'utf8')) as object;
  expect(manifest).toMatchObject({ name: 'iris', scripts: { deploy: 'wrangler deploy' } });
});

it('deploys, asks a question whose answer it knows, and keeps what its owner changed', async () => {
  const script = join(folder, 'iris/src/worker.js');
  await appendFile(script, '// mine\n');
  await writeFile(join(folder, 'iris/notes.txt'), 'mine');
  await account({ deployed: 'version-1' });
  const server = await deployed(true);
  try {
    const { code, text, calls } = await deploy(...iris, '--url', server.url, '--name', 'iris');
    expect(text).toMatch(/iris\/src\/worker\.js: kept/);
    expect(text).toMatch(/smoke test: http:\S+ answers as it should/);
    expect(code).toBe(0);
    expect(calls).toEqual([
      ['deployments', 'status', '--json', '--name', 'iris'],
      ['deploy', '--name', 'iris'],
    ]);
  } finally {
    await server.close();
  }
  expect(await readFile(script, 'utf8')).toMatch(/\/\/ mine\n$/);
  expect(await readFile(join(folder, 'iris/notes.txt'), 'utf8')).toBe('mine');
});

it('goes back to the version before when the answer is another one', async () => {
  await account({ deployed: 'version-1' });
  const server = await deployed(false);
  try {
    const { code, text, calls } = await deploy(...iris, '--url', server.url);
    expect(text).toMatch(/smoke test failed: element 0 of output y is 0\.123/);
    expect(text).toMatch(/back to version version-1\n$/);
    expect(code).toBe(1);
    expect(calls.at(-1)!.slice(0, 4)).toEqual(['rollback', 'version-1', '--yes', '--message']);

    const stays = await deploy(...iris, '--url', server.url, '--no-rollback');
    expect([stays.code, stays.calls.at(-1)]).toEqual([1, ['deploy']]);

    await account({});
    const first = await deploy(...iris, '--url', server.url);
    expect(first.text).toMatch(/no version to go back to/);
    expect([first.code, first.calls.at(-1)]).toEqual([1, ['deploy']]);
  } finally {
    await server.close();
  }
});

it('changes nothing when wrangler fails, and goes back when it is told to', async () => {
  await account({ deployed: 'version-1', deployCode: 3 });
  const failed = await deploy(...iris);
  expect(failed.text).toMatch(/wrangler deploy ended with code 3: nothing is changed/);
  expect([failed.code, failed.calls.at(-1)]).toEqual([1, ['deploy']]);
  const back = await deploy('--rollback', '--dir', 'iris', '--env', 'staging');
  expect([back.code, back.calls]).toEqual([
    0,
    [['rollback', '--yes', '--message', 'hebb deploy --rollback', '--env', 'staging']],
  ]);
});

it('does not deploy what does not fit, nor into a folder of somebody else', async () => {
  const wide = new Sequential(new Linear(512, 4096), new Linear(4096, 512)).eval();
  await exportOnnx(wide, join(folder, 'wide.onnx'), { input: { x: ['batch', 512] } });
  const over = await deploy('wide.onnx', '--shape', 'batch=64');
  expect(over.text).toMatch(/wide on the free plan: does not fit[^]*not deployed: --force/);
  expect([over.code, over.calls]).toEqual([1, []]);
  await mkdir(join(folder, 'other'));
  await writeFile(join(folder, 'other/main.py'), '');
  const other = await deploy(...iris, '--dir', 'other');
  expect([other.code, other.text]).toEqual([2, expect.stringMatching(/other holds main\.py/)]);
  expect(await deploy()).toMatchObject({ code: 2, text: expect.stringMatching(/name the model/) });
});

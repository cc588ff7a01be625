/** Finding the operator that two ways to compute a model disagree about. */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cpu } from '@hebb/backend-cpu';
import { init } from '@hebb/core';
import type { Backend } from '@hebb/core';
import { backendComputer, diffModel, makeAttribute, runtimeComputer } from '../src/index.ts';
import type { Computer, ModelProto, TensorData } from '../src/index.ts';
import { checkFolders, onnxRuntime, writeReproduction } from '../src/node.ts';
import { info, model, node } from './build.ts';

let backend: Backend;
let right: Computer;
beforeAll(async () => {
  backend = await init(cpu());
  right = backendComputer(backend);
});

const f32 = (
  values: readonly number[],
  shape: readonly number[] = [values.length],
): TensorData => ({
  dtype: 'float32',
  shape,
  data: Float32Array.from(values),
});
const x = info('x', 'float32', [2, 2]);
const source = model(
  [x],
  [info('y', 'float32', [2, 2])],
  [
    node('MatMul', ['x', 'w'], ['h'], {}, 'first'),
    node('Tanh', ['h'], ['t'], {}, 'second'),
    node('Sigmoid', ['t'], ['s'], {}, 'third'),
    node('Add', ['s', 't'], ['y'], {}, 'fourth'),
  ],
  { w: f32([1, 2, 3, 4], [2, 2]) },
);
const inputs = { x: f32([0.1, -0.2, 0.3, 0.4], [2, 2]) };

/** As the backend, but for one operator that is another one. */
const wrong = (op: string, instead: string): Computer => ({
  name: 'wrong',
  open: (given: ModelProto) => {
    const nodes = given.graph!.node.map((n) => (n.opType === op ? { ...n, opType: instead } : n));
    return right.open({ ...given, graph: { ...given.graph!, node: nodes } });
  },
});

it('finds nothing where nothing differs', async () => {
  const report = await diffModel(source, { a: right, b: right, inputs });
  expect(report).toMatchObject({ ok: true, a: 'cpu', b: 'cpu' });
  expect(report.values.map(({ value }) => value)).toEqual(['h', 't', 's', 'y']);
  expect(report.first).toBeUndefined();
});

it('names the first node whose result differs, not those that only pass it on', async () => {
  const report = await diffModel(source, { a: right, b: wrong('Tanh', 'Erf'), inputs });
  expect(report.ok).toBe(false);
  expect(report.first).toMatchObject({ operator: 'Tanh', node: 'second', value: 't' });
  expect(report.values.map(({ ok }) => ok)).toEqual([true, false, false, false]);
  expect(report.outputs).toMatchObject([{ name: 'y', ok: false }]);
});

it('writes that node as a test case', async () => {
  const report = await diffModel(source, { a: right, b: wrong('MatMul', 'Add'), inputs });
  const root = await mkdtemp(join(tmpdir(), 'hebb-diff-'));
  try {
    const folder = join(root, 'case');
    await writeReproduction(folder, report.reproduction!);
    // Again, over the first.
    await writeReproduction(folder, report.reproduction!);
    expect(await readdir(root)).toEqual(['case']);
    const summary = await checkFolders([folder]);
    expect(summary.results).toMatchObject([{ status: 'passed', operator: 'MatMul' }]);
    await writeFile(join(folder, 'notes.txt'), 'mine');
    await expect(writeReproduction(folder, report.reproduction!)).rejects.toThrow(/notes.txt/);
  } finally {
    await rm(root, { recursive: true });
  }
});

it('names the first node that makes NaN, also where both do', async () => {
  const bad = model(
    [x],
    [info('y', 'float32', [2, 2])],
    [node('Neg', ['x'], ['n']), node('Log', ['n'], ['l']), node('Relu', ['l'], ['y'])],
  );
  const report = await diffModel(bad, { a: right, b: right, inputs });
  expect(report.ok).toBe(true);
  expect(report.firstNotFinite).toMatchObject({ operator: 'Log', notFinite: { a: 3, b: 3 } });
});

it('says so where only the outputs differ', async () => {
  const fused: Computer = {
    name: 'fused',
    async open(given) {
      const model = await right.open(given);
      if (given.graph!.output.length > 1) return model;
      return { ...model, run: () => Promise.resolve({ y: f32([0, 0, 0, 0], [2, 2]) }) };
    },
  };
  const report = await diffModel(source, { a: right, b: fused, inputs });
  expect(report).toMatchObject({ ok: false, outputs: [{ name: 'y', ok: false }] });
  expect(report.first).toBeUndefined();
});

it('compares with ONNX Runtime, value by value, branches included', async () => {
  const branch = (op: string) =>
    model([], [info('b', 'float32', [2, 2])], [node(op, ['h'], ['b'])]).graph!;
  const branched = model(
    [x],
    [info('y', 'float32', [2, 2])],
    [
      node('Neg', ['x'], ['h']),
      node('ReduceSum', ['x'], ['total'], { keepdims: 0 }),
      node('Greater', ['total', 'zero'], ['positive']),
      node('If', ['positive'], ['y'], {
        then_branch: makeAttribute('', { type: 'graph', value: branch('Abs') }),
        else_branch: makeAttribute('', { type: 'graph', value: branch('Exp') }),
      }),
    ],
    { zero: { dtype: 'float32', shape: [], data: Float32Array.of(0) } },
  );
  const runtime = runtimeComputer(await onnxRuntime());
  const report = await diffModel(branched, { a: runtime, b: right, inputs });
  expect(report).toMatchObject({ ok: true });
  expect(report.values.map(({ value }) => value)).toEqual(['h', 'total', 'positive', 'y']);
});

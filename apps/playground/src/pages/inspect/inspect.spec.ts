import { wasm } from '@hebb/backend-wasm';
import { init } from '@hebb/core';
import { makeGraph, makeModel, makeNode, makeValueInfo, encodeModel } from '@hebb/onnx';
import type { ValueType } from '@hebb/onnx';
import { inputValue, parseNumbers } from './inputs.ts';
import { histogramOf, statsOf } from './numbers.ts';
import { Opened } from './opened.ts';
import { drawnAtOnce } from './settings.ts';
import type { InputChoice } from './settings.ts';

beforeAll(async () => void (await init(wasm({ threads: 1 }))));

const chain = (length: number, op = 'Relu'): Uint8Array =>
  encodeModel(
    makeModel(
      makeGraph({
        name: 'chain',
        nodes: Array.from({ length }, (_, i) => makeNode(op, [`v${i}`], [`v${i + 1}`])),
        inputs: [makeValueInfo('v0', 'float32', ['n', 3])],
        outputs: [makeValueInfo(`v${length}`, 'float32', ['n', 3])],
      }),
    ),
  );
const open = (bytes: Uint8Array, name = 'a.onnx') => Opened.open({ name, bytes }, []);
const two: InputChoice = {
  name: 'v0',
  shape: [2, 3],
  fill: 'own',
  text: '[[1, -2, 3], [4, 5, NaN]]',
};

it('says what is in a model, runs it and times its nodes', async () => {
  const opened = await open(chain(3));
  expect(opened.info).toMatchObject({ name: 'chain', runs: true, operators: [['Relu', 3]] });
  expect(opened.info.nodes[1]).toMatchObject({ operator: 'Relu', makes: 'float32[n,3]' });
  const { outputs } = await opened.run([two], 0);
  expect(outputs[0]).toMatchObject({
    name: 'v3',
    type: 'float32[2,3]',
    min: 0,
    max: 5,
    notFinite: 1,
  });
  expect(outputs[0]!.values).toBe('1  0  3  4  5  NaN');
  const { rows } = await opened.profile([two], 0, new AbortController().signal, () => undefined);
  expect(rows.map(({ id, operator }) => `${id} ${operator}`)).toEqual(
    [0, 1, 2].map((i) => `node:${i} Relu`),
  );
});

it('draws a long graph piece by piece', async () => {
  const opened = await open(chain(1500));
  const first = opened.draw(0);
  expect(first).toMatchObject({ from: 0, to: drawnAtOnce, total: 1502 });
  expect(first.svg.match(/class="box activate"/g)).toHaveLength(drawnAtOnce - 1);
  expect(first.svg).toContain('to what follows');
  const last = opened.draw(1500);
  expect(last.to).toBe(1502);
  expect(last.svg).toContain('from before');
});

it('tells what is no model, what is damaged, and what it cannot run', async () => {
  const text = new TextEncoder().encode('{"not": "a model"}');
  await expect(open(text, 'notes.txt')).rejects.toThrow('notes.txt is no ONNX model');
  await expect(open(new Uint8Array(0), 'empty.onnx')).rejects.toThrow(
    'empty.onnx is no ONNX model',
  );
  await expect(open(chain(3).slice(0, 60))).rejects.toThrow('Choose a file that ends in .onnx');
  const strange = await open(chain(2, 'Teleport'));
  expect(strange.info.runs).toBe(false);
  expect(strange.info.problem).toMatch(/can be looked at, but not run: Teleport/);
  expect(strange.draw(0).svg).toContain('Teleport');
  await expect(strange.run([two], 0)).rejects.toThrow('Teleport');
});

describe('inputs', () => {
  const type = (dtype: ValueType['dtype'], kind: ValueType['kind'] = 'tensor'): ValueType => ({
    name: 'x',
    kind,
    ...(dtype === undefined ? {} : { dtype }),
  });
  const choice = (fill: InputChoice['fill'], text = '', shape = [2]): InputChoice => ({
    name: 'x',
    shape,
    fill,
    text,
  });

  it('are of the type that is wanted', () => {
    const of = (dtype: ValueType['dtype'], fill: InputChoice['fill'], text?: string) =>
      (inputValue(type(dtype), choice(fill, text), 1) as { data: unknown }).data;
    expect(of('int64', 'counting')).toEqual(BigInt64Array.of(0n, 1n));
    expect(of('float16', 'ones')).toEqual(Uint16Array.of(0x3c00, 0x3c00));
    expect(of('bool', 'own', '[true, false]')).toEqual(Uint8Array.of(1, 0));
    expect(of('string', 'own', '["a", "b"]')).toEqual(['a', 'b']);
    expect(of('float32', 'own', '1e3;-2')).toEqual(Float32Array.of(1000, -2));
  });

  it('that do not fit are refused with the reason', () => {
    const give = (dtype: ValueType['dtype'], made: InputChoice, kind?: ValueType['kind']) => () =>
      inputValue(type(dtype, kind), made, 1);
    expect(give('float32', choice('own', '1 2 3'))).toThrow('wants 2 values, and 3 are given');
    expect(() => parseNumbers('x', '1, two')).toThrow('“two” is no number');
    expect(give('float32', choice('zeros', '', [1e6, 1e6]))).toThrow('Make it smaller');
    expect(give('float32', choice('zeros'), 'sequence')).toThrow('only tensors');
    expect(give('float8e4m3fn', choice('zeros'))).toThrow('float8e4m3fn');
    expect(give('string', choice('own', 'a b'))).toThrow('a list of texts');
  });
});

it('sums up numbers', () => {
  const { stats, notFinite } = statsOf([1, 2, NaN, 3, 4, Infinity]);
  expect(notFinite).toBe(2);
  expect(stats).toMatchObject({ min: 1, max: 4, argmax: 4, mean: 2.5 });
  expect(stats!.std).toBeCloseTo(Math.sqrt(1.25));
  expect(statsOf([NaN]).stats).toBeUndefined();
  expect(histogramOf([0, 0, 1, 4], { min: 0, max: 4 }, 4)).toEqual([2, 1, 0, 1]);
});

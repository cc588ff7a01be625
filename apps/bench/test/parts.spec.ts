/** The parts of the harness that compute. */
import { cpu } from '@hebb/backend-cpu';
import { init } from '@hebb/core';
import type { GpuResult } from '../src/browser/bench.ts';
import { gpuCases, smallGpuCases } from '../src/cases/gpu.ts';
import { cases, families, findCase } from '../src/cases/index.ts';
import { drawInput, foldNorms, record, workOf } from '../src/cases/work.ts';
import { allContenders, describeContender } from '../src/contenders.ts';
import { compareOutputs } from '../src/harness/compare.ts';
import type { CaseResult, Result } from '../src/harness/contest.ts';
import { measureCalls, sampled } from '../src/harness/session.ts';
import { decode, encode } from '../src/harness/protocol.ts';
import { geometricMean, median } from '../src/harness/statistics.ts';
import { HebbLayers } from '../src/hebb/layers.ts';
import { fromHost } from '../src/hebb/forward.ts';
import { size } from '../src/models/record.ts';
import { permute } from '../src/peers/tfjs/weights.ts';
import { betweenMarkers, markdownDocument, readmeTable } from '../src/report/document.ts';
import { gpuSheets } from '../src/report/gpu.ts';
import { goalsOf } from '../src/report/goals.ts';
import { toTerminal } from '../src/report/print.ts';
import type { Saved } from '../src/report/saved.ts';
import { detailSheet, digits, ratioOf, timeSheet } from '../src/report/summary.ts';

describe('recording a model', () => {
  const flops = (family: 'kernels' | 'infer' | 'train', name: string) =>
    record(findCase(family, name)).recorder.flops;

  it('counts its arithmetic', () => {
    expect(flops('kernels', 'matmul-256')).toBe(2 * 256 ** 3);
    expect(flops('infer', 'mlp')).toBe(2 * (784 * 512 + 512 * 256 + 256 * 10));
    // 1.81 and 0.30 billion multiplications, as the papers and torchvision count.
    expect(flops('infer', 'resnet18') / 2e9).toBeCloseTo(1.814, 2);
    expect(flops('infer', 'mobilenetv2') / 2e9).toBeCloseTo(0.301, 2);
  });

  it('finds the parameters of the published models', () => {
    const count = (name: string) =>
      [...record(findCase('infer', name)).recorder.parameters.values()]
        .filter((spec) => !/norm\.(mean|variance)$/.test(spec.name))
        .reduce((sum, { shape }) => sum + size(shape), 0);
    expect(count('resnet18')).toBe(11_689_512);
    expect(count('mobilenetv2')).toBe(3_504_872);
  });

  it('draws the same numbers each time', () => {
    const one = drawInput('x', { shape: [3, 4] });
    expect(drawInput('x', { shape: [3, 4] })).toEqual(one);
    expect(drawInput('y', { shape: [3, 4] })).not.toEqual(one);
    const labels = drawInput('labels', { shape: [1000], below: 10 }).data;
    expect([...new Set(labels)].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });
});

describe('folding batch normalisations', () => {
  it('does not change what a layer computes', async () => {
    await init(cpu());
    const c = findCase('infer', 'unet');
    const { parameters } = workOf(c);
    const folded = foldNorms(parameters);
    const options = { out: 32, kernel: 3, padding: 1, activation: 'relu' } as const;
    const x = fromHost(drawInput('x', { shape: [1, 3, 8, 8] }));
    const layers = (from: typeof folded) => new HebbLayers((name) => fromHost(from.get(name)!));
    const whole = await layers(new Map(parameters)).convNorm(x, 'down1.a', options).data();
    const short = await layers(folded).conv(x, 'down1.a', options).data();
    expect(compareOutputs([short as Float32Array], [whole as Float32Array], 1e-5).reason).toBe(
      undefined,
    );
    expect([...folded.keys()].filter((name) => name.includes('norm'))).toEqual([]);
  });
});

describe('one step with kept keys and values', () => {
  it('is the last of all steps', async () => {
    await init(cpu());
    const [steps, width, heads] = [5, 8, 2];
    const layers = new HebbLayers(() => fromHost(drawInput('none', { shape: [1] })));
    const qkv = fromHost(drawInput('qkv', { shape: [1, steps, 3 * width] }));
    const whole = layers.attention(qkv, { heads, causal: true }).narrow(1, steps - 1, 1);
    const kept = (part: number) => qkv.narrow(1, 0, steps - 1).narrow(2, part * width, width);
    const last = qkv.narrow(1, steps - 1, 1);
    const step = layers.cachedAttention(last, kept(1), kept(2), { heads });
    const [got, wanted] = [await step.data(), await whole.data()] as Float32Array[];
    expect(compareOutputs([got!], [wanted!], 1e-5).reason).toBeUndefined();
  });
});

describe('comparing outputs', () => {
  const wanted = [Float32Array.of(1, -2, 0)];
  it('measures against the largest value', () => {
    expect(compareOutputs([Float32Array.of(1, -2, 0.01)], wanted, 0.01).error).toBeCloseTo(0.005);
    expect(compareOutputs([Float32Array.of(1, -2, 0.01)], wanted, 0.01).reason).toBeUndefined();
    expect(compareOutputs([Float32Array.of(1, -2, 0.1)], wanted, 0.01).reason).toMatch(/differs/);
  });
  it('lets nothing pass that is no number, or missing', () => {
    expect(compareOutputs([Float32Array.of(1, NaN, 0)], wanted, 0.01).reason).toMatch(/Infinity/);
    expect(compareOutputs([Float32Array.of(1)], wanted, 0.01).reason).toMatch(/1 numbers, not 3/);
    expect(compareOutputs([], wanted, 0.01).reason).toMatch(/0 numbers, not 3/);
  });
});

describe('small parts', () => {
  it('keeps numbers through the protocol', () => {
    const values = Float32Array.of(1.5, -0, 3e38, Infinity);
    expect(decode(encode(values))).toEqual(values);
  });
  it('takes medians and means', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(median([])).toBeNaN();
    expect(geometricMean([1, 4])).toBeCloseTo(2);
  });
  it('permutes axes', () => {
    const data = Float32Array.of(0, 1, 2, 3, 4, 5);
    expect([...permute(data, [2, 3], [1, 0])]).toEqual([0, 3, 1, 4, 2, 5]);
  });
  it('compares a part of long outputs, of each column', () => {
    const long = Float32Array.from({ length: 2 ** 20 }, (_, i) => i % 1024);
    const part = sampled(long);
    expect(part.length).toBeLessThanOrEqual(2 ** 18);
    expect(new Set(part).size).toBe(1024);
    expect(sampled(Float32Array.of(1, 2))).toEqual(Float32Array.of(1, 2));
  });
  it('times calls that are only queued, many at once', async () => {
    let [started, settled] = [0, 0];
    const queued = {
      start: () => void started++,
      settle: () => Promise.resolve(settled++),
    };
    const run = (): Promise<Float32Array> => Promise.reject(new Error('not called'));
    const samples = await measureCalls({ run, queued }, 100);
    expect(samples.length).toBeGreaterThan(0);
    expect(samples.every((each) => each >= 0)).toBe(true);
    expect(started).toBeGreaterThan(settled);
  });
  it('names no case twice', () => {
    for (const family of families) {
      const all = [cases, gpuCases, smallGpuCases].flatMap((list) => list[family]);
      const different = new Set(all.map(({ name }) => name)).size;
      expect(different).toBe(
        new Set(all.map(({ inputs, name }) => JSON.stringify([name, inputs]))).size,
      );
      for (const list of [cases, gpuCases, smallGpuCases]) {
        const names = list[family].map(({ name }) => name);
        expect(new Set(names).size).toBe(names.length);
      }
    }
    expect(() => findCase('train', 'resnet1000')).toThrow(/mlp, lenet/);
  });
});

describe('reports', () => {
  const timed = (contender: string, milliseconds: number): Result => ({
    contender,
    status: 'timed',
    milliseconds,
    rounds: [milliseconds],
    first: 5 * milliseconds,
    peakBytes: 100e6,
    error: 1e-7,
    judge: 'ort',
  });
  const result: CaseResult = {
    family: 'infer',
    case: 'lenet',
    flops: 1e6,
    results: [
      timed('hebb', 2),
      timed('hebb-2', 1),
      timed('ort', 3),
      timed('ort-2', 2.5),
      timed('jax-js', 4),
      { contender: 'tfjs', status: 'wrong', reason: 'differs by 1e+0' },
      { contender: 'torch', status: 'skipped', reason: 'is not here' },
    ],
  };
  it('compare Hebb with the best peer of as many threads', () => {
    expect(ratioOf(result, 1, false)).toEqual({ ratio: 1.5, peer: 'ort' });
    expect(ratioOf(result, 2, false)).toEqual({ ratio: 2.5, peer: 'ort-2' });
    expect(ratioOf(result, 1, true)).toBeUndefined();
  });
  it('show a table, the wrong and the absent', () => {
    const sheet = timeSheet('Inference', [result]);
    expect(sheet.head).toEqual([
      ...['case', 'hebb', 'hebb-2', 'ort', 'ort-2', 'jax-js', 'tfjs'],
      ...['vs best', 'vs best, 2 threads'],
    ]);
    expect(sheet.rows).toEqual([
      ['lenet', '2.00', '1.00', '3.00', '2.50', '4.00', 'wrong', '1.50× ort', '2.50× ort-2'],
    ]);
    expect(sheet.notes).toEqual(['tfjs is wrong: differs by 1e+0', 'torch is out: is not here']);
    expect(toTerminal(sheet)).toContain('1.50× ort');
    const details = detailSheet('Inference', [result]);
    expect(details.rows.map((row) => row[1])).toEqual([
      'first call, ms',
      'peak memory, MB',
      'difference',
      'GFLOP/s',
    ]);
  });
  const saved: Saved = {
    machine: {
      processor: 'Some CPU',
      cores: 2,
      memoryBytes: 24 * 2 ** 30,
      system: 'Linux 6 x64',
      node: 'v24.1.0',
      date: '2026-01-02',
    },
    command: 'npm run bench -- infer',
    versions: { 'onnxruntime-web': '1.30.0' },
    infer: [result],
  };
  it('name machine, command and versions', () => {
    const text = markdownDocument([saved]);
    expect(text).toContain('2026-01-02 on Some CPU, 2 cores, 24 GB, Linux 6 x64, Node 24.1.0');
    expect(text).toContain('npm run bench -- infer');
    expect(text).toContain('onnxruntime-web 1.30.0');
    expect(text).toMatch(/\| lenet +\| +2\.00 \|/);
    expect(text).toContain('`ort-2` onnxruntime-web, WebAssembly, 2 threads');
  });
  it('say which goals are met', () => {
    const goals = goalsOf([saved]);
    expect(goals.map(({ what, measured, met }) => [what, measured, met])).toEqual([
      ['LeNet inference', '1.50×', false],
    ]);
    const use = { resident: 100, heap: 10, external: 50, values: 3 };
    const memory = (last: number) => [
      { case: 'mlp', contender: 'hebb', uses: [use, use, { ...use, external: last }] },
    ];
    expect(goalsOf([{ ...saved, infer: undefined!, memory: memory(50) }])[0]!.met).toBe(true);
    expect(goalsOf([{ ...saved, infer: undefined!, memory: memory(2e6) }])[0]!.met).toBe(false);
  });
  it('say how much of a card is reached, and that a software one says nothing', () => {
    const product = (name: string, milliseconds: number): CaseResult => ({
      family: 'kernels',
      case: name,
      flops: 2 * 1024 ** 3,
      results: [
        timed('hebb-webgpu', milliseconds),
        timed('jax-webgpu', 2 * milliseconds),
        timed('torch-cuda', milliseconds / 2),
      ],
    });
    const gpu: GpuResult = {
      adapter: {
        ...{ vendor: 'nvidia', architecture: 'ampere', device: '', description: '' },
        ...{ software: false, features: ['shader-f16'] },
      },
      browser: 'Chromium 150',
      peak: { f32: 20e12, f16: 40e12 },
      peakGiven: true,
      small: false,
      kernels: [product('matmul-1024', 0.2147), product('matmul-f16-1024', 0.2147)],
      infer: [],
      train: [],
    };
    const [adapter, products] = gpuSheets(gpu);
    expect(adapter!.rows[0]).toEqual(['adapter', 'nvidia, ampere']);
    expect(adapter!.notes).toHaveLength(1);
    expect(products!.rows.map((row) => row.slice(1))).toEqual([
      ['10.0', '5.00', '20.0', '50 %', '2.00× jax-webgpu', '0.50× torch-cuda'],
      ['10.0', '5.00', '20.0', '25 %', '2.00× jax-webgpu', '0.50× torch-cuda'],
    ]);
    expect(goalsOf([{ ...saved, infer: undefined!, webgpu: gpu }]).map(({ met }) => met)).toEqual([
      ...[true, true],
    ]);
    const software = { ...gpu, adapter: { ...gpu.adapter, software: true } };
    expect(gpuSheets(software)[0]!.notes[0]).toMatch(/say nothing about how fast/);
    expect(goalsOf([{ ...saved, infer: undefined!, webgpu: software }])).toEqual([]);
  });
  it('put the newest Node first, and the older one under its name', () => {
    const old = { ...saved, machine: { ...saved.machine, node: 'v20.1.0' } };
    const titles = markdownDocument([old, saved]).match(/^## .*$/gm);
    expect(titles).toEqual([
      '## Goals',
      '## Inference, batch 1: milliseconds a call',
      '## Inference, batch 1: milliseconds a call, Node 20.1.0',
    ]);
  });
  it('write the short table between markers', () => {
    const page = 'a\n<!-- benchmarks: start -->\nold\n<!-- benchmarks: end -->\nb\n';
    const text = betweenMarkers(page, readmeTable([saved]), 'README.md');
    expect(text).toMatch(/^a\n<!-- benchmarks: start -->\n\n\| one thread/);
    expect(text).toMatch(/\| run lenet +\| 2\.00 \| +3\.00 \(ort\) \| +1\.50× \|/);
    expect(text).toMatch(/npm run bench -- infer`.*\n\n<!-- benchmarks: end -->\nb\n$/);
    expect(text).not.toContain('old');
    expect(() => betweenMarkers('no marks', '', 'README.md')).toThrow(/README.md has no/);
  });
  it('round to three digits', () => {
    expect([0.0123, 0.5, 1.234, 56.78, 123.4, NaN].map(digits)).toEqual([
      ...['0.012', '0.50', '1.23', '56.8', '123', '–'],
    ]);
  });
  it('describe every contender once', () => {
    expect(new Set(allContenders.map(({ name }) => name)).size).toBe(allContenders.length);
    expect(new Set(allContenders.map(describeContender)).size).toBe(allContenders.length);
  });
});

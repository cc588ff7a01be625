/** Groups, freezing by pattern, hooks, calls and summaries. */
import { compile, gradients, init, ones, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { cpu } from '@hebb/backend-cpu';
import { AdamW } from '@hebb/train';
import type { AdamOptions } from '@hebb/train';
import * as nn from '../src/index.ts';

beforeAll(async () => {
  await init(cpu());
});

const make = () =>
  new nn.Sequential({
    encoder: new nn.Sequential(new nn.Linear(4, 8), new nn.LayerNorm(8), new nn.ReLU()),
    head: new nn.Linear(8, 3),
  });
const learned = (model: nn.Module): string[] =>
  [...model.namedParameters()].filter(([, p]) => p.requiresGrad).map(([name]) => name);

describe('patterns', () => {
  it('freeze and unfreeze parts', () => {
    const model = make();
    expect(learned(model.freeze('encoder'))).toEqual(['head.weight', 'head.bias']);
    expect(learned(model.unfreeze('**.bias'))).toEqual([
      'encoder.0.bias',
      'encoder.1.bias',
      'head.weight',
      'head.bias',
    ]);
    expect(learned(model.unfreeze().freeze('*.weight', /\.1\./g))).toEqual([
      'encoder.0.weight',
      'encoder.0.bias',
      'head.bias',
    ]);
    expect(learned(model.unfreeze().freeze('encoder.*.w*'))).toEqual([
      'encoder.0.bias',
      'encoder.1.bias',
      'head.weight',
      'head.bias',
    ]);
    expect(() => model.freeze('decoder')).toThrow(
      'freeze: nothing has a path like this (got decoder, wanted encoder.0.weight, encoder.0.bias,',
    );
    expect(() => model.freeze('')).toThrow('a pattern is text or a regular expression');
  });

  it('make groups for an optimizer', () => {
    const model = make();
    const groups = nn.parameterGroups(model, [
      { match: (_path, _parameter, owner) => owner instanceof nn.LayerNorm, weightDecay: 0 },
      { match: ['**.bias'], weightDecay: 0.1 },
      { match: /^head/, lr: 1e-4 },
    ]);
    expect(groups.map(({ parameters, ...rest }) => [parameters.length, rest])).toEqual([
      [2, { weightDecay: 0 }],
      [2, { weightDecay: 0.1 }],
      [1, { lr: 1e-4 }],
      [1, {}],
    ]);
    const betas = nn.parameterGroups<AdamOptions>(model, [{ match: 'head', betas: [0.8, 0.9] }]);
    expect(betas[0]).toMatchObject({ betas: [0.8, 0.9] });
    const optimizer = new AdamW({ lr: 1e-3 }).attach(groups);
    expect(optimizer.groups.map(({ lr }) => lr)).toEqual([1e-3, 1e-3, 1e-4, 1e-3]);
    expect(() => nn.parameterGroups(model, [{ match: 'encoder' }, { match: 'encoder.0' }])).toThrow(
      'a rule takes no parameter (got encoder.0',
    );
    const decay = nn.decayGroups(model, 0.05);
    expect(decay.map(({ weightDecay, parameters }) => [weightDecay, parameters.length])).toEqual([
      [0.05, 2],
      [0, 4],
    ]);
    expect(new AdamW().attach(decay).groups).toHaveLength(2);
  });
});

describe('hooks', () => {
  it('see and replace inputs before a call', async () => {
    const model = make();
    const seen: string[] = [];
    const remove = model.at('head').onBeforeForward(({ path, inputs }) => {
      seen.push(`${path}:${(inputs[0] as Tensor).shape.join('x')}`);
      return [(inputs[0] as Tensor).mul(0)];
    });
    const bias = await (model.at('head') as nn.Linear).bias!.value.data();
    expect(await model.forward(ones([1, 4])).data()).toEqual(bias);
    remove();
    expect(await model.forward(ones([1, 4])).data()).not.toEqual(bias);
    expect(seen).toEqual(['head:1x8']);
  });

  it('record calls, and gradients at what was recorded', async () => {
    const model = make();
    const look = compile((x: Tensor) => {
      const { result, calls } = nn.recordCalls(model, () => model.forward(x), ['encoder.2']);
      const activation = calls[0]!.output as Tensor;
      return { activation, gradient: gradients(result.sum(), [activation])[0]! };
    });
    const { activation, gradient } = await look(ones([1, 4]));
    expect(activation.shape).toEqual([1, 8]);
    expect((await activation.data()).every((x) => Number(x) >= 0)).toBe(true);
    const weight = (await (model.at('head') as nn.Linear).weight.value.toArray()) as number[][];
    const sums = weight[0]!.map((_, i) => weight.reduce((sum, row) => sum + row[i]!, 0));
    expect(await gradient.toArray()).toEqual([sums.map((x) => expect.closeTo(x, 5))]);
    const { calls } = nn.recordCalls(model, () => model.forward(ones([1, 4])));
    expect(calls.map(({ path }) => path)).toEqual([
      'encoder.0',
      'encoder.1',
      'encoder.2',
      'encoder',
      'head',
      '',
    ]);
    expect([...(model.forwardHooks ?? [])]).toEqual([]);
    expect(() => nn.recordCalls(model, () => 0, ['tail'])).toThrow(
      'recordCalls: nothing has a path',
    );
  });

  it('apply reaches every module', () => {
    const seen: string[] = [];
    make().apply((module, path) => void seen.push(`${path}:${module.constructor.name}`));
    expect(seen.at(-1)).toBe(':Sequential');
    expect(seen).toHaveLength(6);
  });
});

describe('ModuleDict', () => {
  it('registers by name', () => {
    const dict = new nn.ModuleDict({ a: new nn.Linear(1, 1), b: new nn.Linear(1, 2) });
    expect([...dict.namedParameters().keys()]).toEqual([
      'a.weight',
      'a.bias',
      'b.weight',
      'b.bias',
    ]);
    expect(dict.get('b').outFeatures).toBe(2);
    expect([dict.size, dict.keys()]).toEqual([2, ['a', 'b']]);
    expect(() => dict.get('c')).toThrow('there is no such entry (got c, wanted a, b)');
    expect(() => dict.forward()).toThrow('a dictionary is not called');
  });
});

describe('summary', () => {
  it('counts parameters, multiply-adds and memory by layer', () => {
    const model = make();
    model.at('encoder').freeze();
    const found = nn.summary(model, [5, 4]);
    expect(found).toMatchObject({
      parameters: 4 * 8 + 8 + 16 + 8 * 3 + 3,
      trainable: 27,
      buffers: 0,
      multiplyAdds: 5 * (4 * 8 + 8 * 3),
      inputBytes: 80,
      parameterBytes: 4 * 83,
      activationBytes: 4 * 5 * (8 + 8 + 8 + 3),
    });
    expect(found.peakBytes).toBeGreaterThan(4 * 83);
    expect(found.layers.map(({ path, multiplyAdds }) => [path, multiplyAdds])).toEqual([
      ['', 280],
      ['encoder', 160],
      ['encoder.0', 160],
      ['encoder.1', 0],
      ['encoder.2', 0],
      ['head', 120],
    ]);
    expect(found.layers[1]).toMatchObject({
      type: 'Sequential',
      parent: '',
      depth: 1,
      calls: 1,
      inputs: [[5, 4]],
      outputs: [[5, 8]],
      parameters: 56,
      trainable: 0,
    });
    expect(String(found).split('\n')).toEqual([
      'layer                  output          parameters  multiply-adds',
      '----------------------------------------------------------------',
      'Sequential             [5,3]   83 (partly frozen)            280',
      '  encoder: Sequential  [5,8]          56 (frozen)            160',
      '    0: Linear          [5,8]          40 (frozen)            160',
      '    1: LayerNorm       [5,8]          16 (frozen)              -',
      '    2: ReLU            [5,8]                    -              -',
      '  head: Linear         [5,3]                   27            120',
      '----------------------------------------------------------------',
      'parameters     83 (56 frozen)',
      'multiply-adds  280',
      expect.stringMatching(/^memory +parameters 332 B, activations 540 B, at most \d+ B in inf/),
    ]);
    expect(String(nn.summary(model, [5, 4], { depth: 1 }))).not.toMatch(/LayerNorm/);
  });

  it('takes several inputs, integers, repeated and uncalled layers, and computes nothing', () => {
    class Two extends nn.Module {
      readonly table = new nn.Embedding(1_000_000_000, 16);
      readonly mix = new nn.Bilinear(16, 3, 2);
      readonly twice = new nn.Linear(2, 2);
      readonly idle = new nn.Linear(2, 2);
      readonly tied = this.twice;
      forward(index: Tensor, x: Tensor): Tensor {
        const y = this.mix.forward(this.table.forward(index), x);
        return this.tied.forward(this.twice.forward(y));
      }
    }
    const model = new Two();
    const found = nn.summary(model, [{ shape: [7], dtype: 'int32' }, [7, 3]]);
    expect(found.parameters).toBe(16e9 + 98 + 6 + 6);
    const [, , , twice, idle] = found.layers;
    expect(twice).toMatchObject({ path: 'twice', calls: 2, multiplyAdds: 2 * 7 * 4 });
    expect(idle).toMatchObject({ path: 'idle', calls: 0, outputs: [] });
    expect(String(found)).toMatch(/twice: Linear ×2 .*\n.*idle: Linear +not called/);
    expect(() => nn.summary(model, [3, 'x' as never])).toThrow('summary: an input');
    expect(() => nn.summary(make(), [5, 3])).toThrow('linear at encoder.0: input does not fit');
    const tied = nn.summary(make(), tensor([[1, 2, 3, 4]]));
    expect(tied.layers[0]!.outputs).toEqual([[1, 3]]);
  });
});

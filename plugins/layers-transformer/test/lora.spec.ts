import { cpu } from '@hebb/backend-cpu';
import { compile, init, manualSeed, random, realize, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { Linear, Module, ReLU, Sequential, crossEntropy } from '@hebb/nn';
import { Adam } from '@hebb/train';
import { GPT, LoRA } from '../src/index.ts';

beforeAll(() => init(cpu()));
beforeEach(() => manualSeed(2));

const config = { vocabSize: 9, contextLength: 6, layers: 1, heads: 2, width: 8 } as const;
const ids = tensor(Int32Array.of(3, 1, 4, 1, 5, 2), { shape: [2, 3] });
const list = async (x: Tensor): Promise<number[]> => Array.from(await x.data(), Number);
const close = (values: readonly number[]): unknown[] =>
  values.map((x) => expect.closeTo(x, 5) as unknown);

async function tuned(): Promise<{ model: GPT; lora: LoRA; before: number[] }> {
  const model = new GPT(config);
  const before = await list(model.forward(ids));
  const lora = new LoRA(model, { rank: 2, targets: ['c_attn', /mlp\.c_proj$/] });
  const optimizer = new Adam({ lr: 0.05 }).attach(model.parameters());
  const step = compile((x: Tensor) => {
    const loss = crossEntropy(model.forward(x).reshape([-1, 9]), x.reshape([-1]));
    optimizer.minimize(loss);
    return loss;
  });
  for (let i = 0; i < 5; i++) await step(ids);
  step.dispose();
  return { model, lora, before };
}

describe('LoRA', () => {
  it('changes nothing until it learns, then alone', async () => {
    const model = new GPT(config);
    const [before, frozen] = [
      await list(model.forward(ids)),
      await list(model.h[0]!.mlp.cFc.weight.value),
    ];
    const lora = new LoRA(model, { rank: 2, targets: ['c_attn'] });
    expect(await list(model.forward(ids))).toEqual(before);
    expect(lora.paths).toEqual(['h.0.attn.c_attn']);
    const learning = [...model.namedParameters()].filter(([, { requiresGrad }]) => requiresGrad);
    expect(learning.map(([name]) => name)).toEqual([
      'h.0.attn.c_attn.lora_A.weight',
      'h.0.attn.c_attn.lora_B.weight',
    ]);
    expect(await list(model.h[0]!.mlp.cFc.weight.value)).toEqual(frozen);
  });

  it('learns, merges into the weights, comes out again and travels', async () => {
    const { model, lora, before } = await tuned();
    const after = await list(model.forward(ids));
    expect(after).not.toEqual(close(before));
    await lora.merge();
    expect(await list(model.forward(ids))).toEqual(close(after));
    await expect(lora.merge()).rejects.toThrow('the adapters are merged already');
    await lora.unmerge();
    expect(await list(model.forward(ids))).toEqual(close(after));

    const state = await lora.stateDict();
    expect(Object.keys(state)).toHaveLength(4);
    lora.remove();
    expect(await list(model.forward(ids))).toEqual(close(before));
    expect(model.parameters().every(({ requiresGrad }) => requiresGrad)).toBe(true);
    const again = new LoRA(model, { rank: 2, targets: ['c_attn', /mlp\.c_proj$/] });
    again.loadStateDict(state);
    expect(await list(model.forward(ids))).toEqual(close(after));
    const { [Object.keys(state)[0]!]: _, ...rest } = state;
    expect(() => again.loadStateDict({ ...rest, x: tensor([1]) })).toThrow(
      'the state does not fit the adapters: missing h.0.attn.c_attn.lora_A.weight; unexpected x',
    );
  });

  it('goes on any linear layer, and leaves new ones to learn whole', async () => {
    const body = new Sequential(new Linear(3, 5), new ReLU(), new Linear(5, 4));
    class Net extends Module {
      readonly body = body;
      readonly head = new Linear(4, 2);
      forward(x: Tensor): Tensor {
        return this.head.forward(this.body.forward(x));
      }
    }
    const net = new Net();
    const lora = new LoRA(net, { rank: 1, targets: [/^body/], dropout: 0.5, alsoTrain: ['head'] });
    expect(lora.parameters()).toHaveLength(4);
    expect(net.head.weight.requiresGrad).toBe(true);
    expect((body.layers[0] as Linear).weight.requiresGrad).toBe(false);
    await realize(net.forward(random.normal(random.key(1), [2, 3])));
    expect(Object.keys(await net.stateDict())).toContain('body.0.lora_A.weight');
  });

  it('says what does not fit', () => {
    expect(() => new LoRA(new GPT(config), { targets: ['qkv'] })).toThrow(
      'no linear layer has this name (got qkv)',
    );
    expect(() => new LoRA(new ReLU())).toThrow('the model has no linear layer');
    expect(() => new LoRA(new GPT(config), { alsoTrain: ['head'] })).toThrow(
      'alsoTrain names no parameter',
    );
    const model = new GPT(config);
    new LoRA(model);
    expect(() => new LoRA(model)).toThrow('the layer has an adapter already');
  });
});

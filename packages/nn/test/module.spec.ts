import { HebbError, init, ones, scalar, tensor, zeros } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { cpu } from '@hebb/backend-cpu';
import {
  Dropout,
  Linear,
  Module,
  ModuleBuffer,
  ModuleList,
  Parameter,
  ReLU,
  Sequential,
  withMode,
} from '../src/index.ts';

beforeAll(async () => {
  await init(cpu());
});

class Attention extends Module {
  readonly inProjWeight = new Parameter(zeros([6, 2]));
  readonly outProj = new Linear(2, 2);
  forward(x: Tensor): Tensor {
    return this.outProj.forward(x);
  }
}

class Net extends Module {
  // Before its parameters, to see that a module's own come first.
  readonly layers = [new Attention(), new Attention()];
  readonly scale = new Parameter(ones([2]));
  readonly runningMean = new ModuleBuffer(zeros([2]));
  readonly scratch = new ModuleBuffer(zeros([1]), { persistent: false });
  readonly label = 'not a member';
  readonly nothing = undefined;
  forward(x: Tensor): Tensor {
    return this.layers.reduce((value, layer) => layer.forward(value), x).mul(this.scale.value);
  }
}

const names = [
  'scale',
  'running_mean',
  'scratch',
  'layers.0.in_proj_weight',
  'layers.0.out_proj.weight',
  'layers.0.out_proj.bias',
  'layers.1.in_proj_weight',
  'layers.1.out_proj.weight',
  'layers.1.out_proj.bias',
];

describe('a module knows what is in it', () => {
  it("by PyTorch's names, its own before its children's", () => {
    const net = new Net();
    expect([...net.namedState()].map(([name]) => name)).toEqual(names);
    expect([...net.namedParameters().keys()]).toEqual(
      names.filter((name) => !['running_mean', 'scratch'].includes(name)),
    );
    expect([...net.namedBuffers().keys()]).toEqual(['running_mean', 'scratch']);
    expect([...net.namedModules().keys()]).toEqual([
      '',
      'layers.0',
      'layers.0.out_proj',
      'layers.1',
      'layers.1.out_proj',
    ]);
    expect([...net.namedChildren().keys()]).toEqual(['layers.0', 'layers.1']);
    expect(net.at('layers.1.out_proj')).toBe(net.layers[1]!.outProj);
    expect(() => net.at('layers.2')).toThrow('there is no such module (got layers.2');
  });

  it('in containers', () => {
    const model = new Sequential({
      encoder: new Sequential(new Linear(2, 3), new ReLU()),
      head: new Linear(3, 1, { bias: false }),
    });
    expect([...model.namedParameters().keys()]).toEqual([
      'encoder.0.weight',
      'encoder.0.bias',
      'head.weight',
    ]);
    class Stack extends Module {
      readonly blocks = new ModuleList(new Linear(2, 2), new Linear(2, 2));
      forward(x: Tensor): Tensor {
        for (const block of this.blocks) x = block.forward(x);
        return x;
      }
    }
    const stack = new Stack();
    expect([...stack.namedParameters().keys()].at(-1)).toBe('blocks.1.bias');
    expect(stack.blocks.item(-1)).toBe([...stack.blocks][1]);
    expect(() => stack.blocks.item(2)).toThrow('there is no such entry');
    expect(() => new Sequential({ 'a.b': new ReLU() })).toThrow('contains a dot');
    expect(() => new Sequential(new ReLU(), 5 as never)).toThrow(
      'Sequential: entry 1 is not a module (got number)',
    );
  });

  it('once, where it is shared, and without end, where it points back', () => {
    class Tied extends Module {
      readonly a = new Linear(2, 2);
      readonly b = this.a;
      readonly weight = this.a.weight;
      readonly self = [this as Module];
      forward(x: Tensor): Tensor {
        return this.b.forward(this.a.forward(x));
      }
    }
    const tied = new Tied();
    expect(tied.parameters()).toHaveLength(2);
    expect(tied.modules()).toHaveLength(2);
    expect([...tied.namedState()].map(([name]) => name)).toEqual([
      'weight',
      'a.weight',
      'a.bias',
      'b.weight',
      'b.bias',
    ]);
  });
});

describe('modes', () => {
  it('reach all modules below', () => {
    const net = new Sequential(new Dropout(0.5), new Sequential(new Dropout(0.5)));
    net.eval();
    expect(net.modules().map(({ training }) => training)).toEqual([false, false, false, false]);
    net.layers[1].train();
    const during = withMode(net, true, () => net.modules().every(({ training }) => training));
    expect(during).toBe(true);
    expect(net.modules().map(({ training }) => training)).toEqual([false, false, true, true]);
  });

  it('freeze and unfreeze', () => {
    const net = new Sequential(new Linear(1, 1), new Linear(1, 1));
    net.layers[0].freeze();
    expect(net.parameters().map(({ requiresGrad }) => requiresGrad)).toEqual([
      false,
      false,
      true,
      true,
    ]);
    net.unfreeze();
    expect(net.parameters().every(({ requiresGrad }) => requiresGrad)).toBe(true);
  });
});

describe('state dicts', () => {
  it('carry all values over, without what is not persistent', async () => {
    const [from, to] = [new Net(), new Net()];
    from.scale.value = tensor([5, 6]);
    from.runningMean.value = tensor([7, 8]);
    const state = await from.stateDict();
    expect(Object.keys(state)).toEqual(names.filter((name) => name !== 'scratch'));
    expect(to.loadStateDict(state)).toEqual({ missing: [], unexpected: [] });
    const x = tensor([[1, -2]]);
    expect(await to.forward(x).data()).toEqual(await from.forward(x).data());
    expect(await to.runningMean.value.toArray()).toEqual([7, 8]);
  });

  it('are copies: neither side sees what the other does later', async () => {
    const [a, b] = [new Linear(1, 1), new Linear(1, 1)];
    const state = await a.stateDict();
    b.loadStateDict(state);
    const before = await state.weight!.data();
    a.weight.value = a.weight.value.add(1);
    b.weight.value = b.weight.value.mul(0);
    expect(await state.weight!.data()).toEqual(before);
    expect(await a.weight.value.item()).toBeCloseTo(Number(before[0]) + 1, 6);
    expect(await b.weight.value.item()).toBe(0);
  });

  it('convert float types, as from a model in float64', async () => {
    const layer = new Linear(2, 1, { bias: false });
    layer.loadStateDict({ weight: tensor([[1.5, 2]], { dtype: 'float64' }) });
    expect(layer.weight.dtype).toBe('float32');
    expect(await layer.weight.value.toArray()).toEqual([[1.5, 2]]);
  });

  it('name everything that does not fit, and then change nothing', async () => {
    const model = new Sequential({ fc: new Linear(2, 3), out: new Linear(3, 1) });
    const before = await model.stateDict();
    const given = {
      'fc.weight': zeros([2, 3]),
      'fc.bias': zeros([3]),
      'out.bias': zeros([1], 'int32'),
      'head.weight': zeros([1]),
    };
    const load = () => model.loadStateDict(given);
    expect(load).toThrow(HebbError);
    expect(load).toThrow(
      'loadStateDict: the state does not fit Sequential: missing out.weight; unexpected head.weight; ' +
        'of another shape or kind fc.weight (got [2,3], wanted [3,2]), out.bias (got int32, wanted float32)',
    );
    const after = await model.stateDict();
    for (const [name, value] of Object.entries(before)) {
      expect(await after[name]!.data()).toEqual(await value.data());
    }
  });

  it('take a part when not strict', async () => {
    const model = new Sequential({ fc: new Linear(2, 3), out: new Linear(3, 1) });
    const report = model.loadStateDict(
      { 'fc.bias': ones([3]), other: scalar(1) },
      { strict: false },
    );
    expect(report).toEqual({
      missing: ['fc.weight', 'out.weight', 'out.bias'],
      unexpected: ['other'],
    });
    expect(await (model.at('fc') as Linear).bias!.value.toArray()).toEqual([1, 1, 1]);
    expect(() => model.loadStateDict({ 'fc.bias': ones([4]) }, { strict: false })).toThrow(
      'fc.bias (got [4], wanted [3])',
    );
    expect(() => model.loadStateDict({ 'fc.bias': 1 as never }, { strict: false })).toThrow(
      '"fc.bias" is not a tensor',
    );
  });
});

describe('calling forward', () => {
  it('puts the path of the layer into errors, and takes it out again', () => {
    const model = new Sequential({ encoder: new Sequential(new ReLU(), new Linear(2, 3)) });
    expect(() => model.forward(zeros([1, 5]))).toThrow('linear at encoder.1: input does not fit');
    expect(() => new Linear(2, 3).forward(zeros([1, 5]))).toThrow('linear: input does not fit');
    class Holder extends Module {
      readonly blocks = new ModuleList(new Linear(5, 2), new Linear(3, 2));
      forward(x: Tensor): Tensor {
        return this.blocks.item(1).forward(this.blocks.item(0).forward(x));
      }
    }
    const outer = new Sequential({ body: new Holder() });
    expect(() => outer.forward(zeros([1, 5]))).toThrow('linear at body.blocks.1: input');
  });

  it('runs super.forward under the same path', () => {
    class Twice extends Linear {
      override forward(x: Tensor): Tensor {
        return super.forward(super.forward(x));
      }
    }
    const model = new Sequential({ twice: new Twice(2, 3) });
    expect(() => model.forward(zeros([1, 2]))).toThrow('linear at twice: input does not fit');
  });

  it('runs hooks, which see and may replace the output', async () => {
    const model = new Sequential({ a: new Sequential(new ReLU()), b: new ReLU() });
    const seen: string[] = [];
    const undo = model.modules().map((module) =>
      module.onForward(({ path, output }) => {
        seen.push(`${path}:${(output as Tensor).shape.join('x')}`);
      }),
    );
    undo.push(model.at('a.0').onForward(({ output }) => (output as Tensor).add(1)));
    expect(await model.forward(tensor([-1, 2])).toArray()).toEqual([1, 3]);
    expect(seen).toEqual(['a.0:2', 'a:2', 'b:2', ':2']);
    for (const remove of undo) remove();
    expect(await model.forward(tensor([-1, 2])).toArray()).toEqual([0, 2]);
    expect(seen).toHaveLength(4);
  });

  it('prints as a tree', () => {
    const model = new Sequential({ body: new Sequential(new Linear(2, 3)), act: new ReLU() });
    expect(String(model)).toBe(
      'Sequential(\n  (body): Sequential(\n    (0): Linear(2, 3)\n  )\n  (act): ReLU()\n)',
    );
  });
});

import {
  HebbError,
  Variable,
  add,
  compile,
  exp,
  gradients,
  mul,
  ones,
  random,
  realize,
  scalar,
  scope,
  sort,
  sum,
  tensor,
  zeros,
} from '../src/index.ts';
import type { Backend, Tensor } from '../src/index.ts';
import { expectClose, start } from './support.ts';

let backend: Backend;
beforeEach(async () => {
  backend = await start();
});
const live = () => backend.memory().buffers;

describe('realisation', () => {
  it('computes a shared value once, and several results in one program', async () => {
    let runs = 0;
    const compileGraph = backend.compile.bind(backend);
    backend = Object.assign(backend, {
      compile: (...args: Parameters<typeof compileGraph>) => {
        runs += 1;
        return compileGraph(...args);
      },
    });
    const shared = exp(tensor([0, 1]));
    const a = add(shared, 1);
    const b = mul(shared, 2);
    await realize(a, b);
    expect(runs).toBe(1);
    await expectClose(a, [2, 1 + Math.E]);
    await expectClose(b, [2, 2 * Math.E]);
    expect(runs).toBe(1);
  });

  it('is safe when several ask for the same value at once', async () => {
    const x = exp(tensor([0, 0]));
    const y = add(x, 1);
    await Promise.all([x.data(), y.data(), x.realize(), y.data()]);
    await expectClose(y, [2, 2]);
    // The upload, x and y: nothing that was computed twice stays.
    expect(live()).toBe(3);
  });

  it('computes all outputs of a node, each freed on its own', async () => {
    const [values, order] = sort(tensor([3, 1, 2]));
    await values.data();
    values.dispose();
    await expectClose(order, [1, 2, 0]);
  });

  it('can do without waiting where the backend can', () => {
    expect([...(add(tensor([1]), 1).dataSync() as Float32Array)]).toEqual([2]);
  });

  it('computes assigned variables along, so that chains of updates stay short', async () => {
    const v = new Variable(zeros([1]));
    for (let i = 0; i < 100; i++) {
      v.value = add(v.value, 1);
      await ones([1]).data();
    }
    expect(v.value.node.isRealized(0)).toBe(true);
    expect(v.value.node.inputs).toHaveLength(0);
    await expectClose(v.value, [100]);
  });
});

describe('start values of variables', () => {
  it('are computed when they are first read, and then kept', async () => {
    const made = () => new Variable(random.normal(random.key(1), [3]));
    const [read, unread, replaced] = [made(), made(), made()];
    const real = (variable: Variable): boolean => variable.peek().node.isRealized(0);
    replaced.value = tensor([1, 2, 3]);
    await read.value.add(1).data();
    expect([read, unread, replaced].map(real)).toEqual([true, false, true]);
    expect(await unread.value.data()).toEqual(await read.value.data());
    expect(real(unread)).toBe(true);
  });
});

describe('dispose and using', () => {
  it('frees the buffer, and using the tensor afterwards is an error', async () => {
    const x = await add(tensor([1, 2]), 1).realize();
    const before = live();
    x.dispose();
    expect(live()).toBe(before - 1);
    x.dispose();
    expect(live()).toBe(before - 1);
    await expect(x.data()).rejects.toThrow(HebbError);
    await expect(x.data()).rejects.toThrow(/this tensor is gone: it was disposed/);
    await expect(add(x, 1).data()).rejects.toThrow(/it was disposed/);
    const f = compile((y: Tensor) => add(y, 1));
    await expect(f(x)).rejects.toThrow(/it was disposed/);
  });

  it('happens at the end of a block with using', async () => {
    const x = await tensor([1]).realize();
    await add(x, 1).data();
    let inside: Tensor;
    const before = live();
    {
      using y = await exp(x).realize();
      inside = y;
      expect(live()).toBe(before + 1);
    }
    expect(live()).toBe(before);
    await expect(inside.data()).rejects.toThrow(/disposed/);
  });
});

describe('scope', () => {
  it('frees what it made and keeps what it returns', async () => {
    const outside = await add(tensor([1, 2]), 0).realize();
    const before = live();
    let inner: Tensor | undefined;
    const { kept } = await scope(async () => {
      const host = tensor([5, 5]);
      inner = await add(outside, host).realize();
      await mul(inner, 2).data();
      return { kept: exp(inner).mul(0) };
    });
    expect(live()).toBe(before + 1);
    await expectClose(kept, [0, 0]);
    await expect(inner!.data()).rejects.toThrow(/its scope ended/);
    await expectClose(outside, [1, 2]);
  });

  it('leaves alone what was made before and merely computed inside', async () => {
    const lazy = add(tensor([1, 2]), 1);
    const host = tensor([3]);
    await scope(async () => {
      await lazy.data();
      await mul(host, 2).data();
    });
    await expectClose(lazy, [2, 3]);
    await expectClose(host, [3]);
  });

  it('frees all it made when the body throws', async () => {
    const before = live();
    await expect(
      scope(async () => {
        await add(tensor([1, 2]), 1).data();
        throw new Error('stop');
      }),
    ).rejects.toThrow('stop');
    expect(live()).toBe(before);
  });

  it('frees the outputs that were not returned of a node of which one was', async () => {
    const x = await add(tensor([2, 1]), 0).realize();
    const before = live();
    const values = await scope(() => sort(x)[0]);
    expect(live()).toBe(before + 1);
    await expectClose(values, [1, 2]);
  });

  it('nests: what an inner one returns belongs to the outer one', async () => {
    const before = live();
    await scope(async () => {
      const x = await scope(() => add(tensor([1]), 1));
      await expectClose(x, [2]);
    });
    expect(live()).toBe(before);
  });

  it('keeps the values of variables, and frees those they had before', async () => {
    const v = new Variable(zeros([2]));
    await v.value.realize();
    const before = live();
    let old: Tensor | undefined;
    for (let i = 0; i < 3; i++) {
      await scope(async () => {
        old = v.value;
        v.value = add(v.value, 1);
        await v.value.realize();
      });
      expect(live()).toBe(before);
    }
    await expectClose(v.value, [3, 3]);
    await expect(old!.data()).rejects.toThrow(/the variable it was read from was given another/);
  });

  it('keeps what compiled functions captured at a call inside', async () => {
    const f = compile((x: Tensor) => add(x, tensor([10, 20])));
    await scope(async () => expectClose(await f(ones([2])), [11, 21]));
    await expectClose(await f(ones([2])), [11, 21]);
    const lazy = mul(tensor([1, 1]), 7);
    const g = compile((x: Tensor) => add(x, lazy));
    await scope(async () => expectClose(await g(ones([2])), [8, 8]));
    await expectClose(await g(ones([2])), [8, 8]);
  });

  it('frees what compiled functions return inside', async () => {
    const f = compile((x: Tensor) => add(x, 1));
    const x = await ones([2]).realize();
    await (await f(x)).data();
    const before = live();
    await scope(async () => {
      await (await f(x)).data();
    });
    expect(live()).toBe(before);
  });
});

describe('memory over 1,000 training steps', () => {
  const makeStep = () => {
    const w = new Variable(tensor([[0.1], [0.2]]));
    const m = new Variable(zeros([2, 1]));
    const lastLoss = new Variable(scalar(0));
    const x = tensor([
      [1, 2],
      [3, 4],
      [5, 6],
    ]);
    const y = tensor([[1], [2], [3]]);
    return (rate: Tensor): Tensor => {
      const error = x.matmul(w.value).sub(y);
      const loss = sum(mul(error, error));
      const [g] = gradients(loss, [w.value]);
      m.value = m.value.mul(0.9).add(g!);
      w.value = w.value.sub(m.value.mul(rate));
      lastLoss.value = loss;
      return loss;
    };
  };

  it('is flat compiled', async () => {
    const step = compile(makeStep());
    const rate = scalar(1e-4);
    let after10 = 0;
    let loss = 0;
    for (let i = 0; i < 1000; i++) {
      const result = await step(rate);
      loss = await result.item();
      result.dispose();
      if (i === 9) after10 = live();
    }
    expect(live()).toBeLessThanOrEqual(after10);
    expect(loss).toBeLessThan(0.1);
  });

  it('is flat eagerly inside scopes', async () => {
    const step = makeStep();
    let after10 = 0;
    let loss = 0;
    for (let i = 0; i < 1000; i++) {
      await scope(async () => {
        loss = await step(scalar(1e-4)).item();
      });
      if (i === 9) after10 = live();
    }
    expect(live()).toBeLessThanOrEqual(after10);
    expect(loss).toBeLessThan(0.1);
  });
});

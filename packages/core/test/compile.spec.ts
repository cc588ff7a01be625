import {
  Generator,
  HebbError,
  Variable,
  add,
  alias,
  capture,
  compile,
  gradients,
  init,
  mul,
  ones,
  random,
  scalar,
  sort,
  sum,
  tensor,
  withBackend,
  zeros,
} from '../src/index.ts';
import type { Backend, Tensor } from '../src/index.ts';
import { cpu } from '@hebb/backend-cpu';
import { expectClose, numbers, start } from './support.ts';

let backend: Backend;
beforeAll(async () => {
  backend = await start();
});

describe('signatures', () => {
  it('traces once for each shape, dtype and plain value', async () => {
    let traces = 0;
    const f = compile((x: Tensor, options: { scale: number }) => {
      traces += 1;
      return mul(x, options.scale);
    });
    await expectClose(await f(tensor([1, 2]), { scale: 2 }), [2, 4]);
    await expectClose(await f(tensor([3, 4]), { scale: 2 }), [6, 8]);
    expect([traces, f.signatures]).toEqual([1, 1]);
    await f(tensor([1, 2, 3]), { scale: 2 });
    await f(tensor([1, 2]), { scale: 3 });
    await f(tensor([1, 2], { dtype: 'float64' }), { scale: 2 });
    expect(traces).toBe(4);
    await expectClose(await f(tensor([1, 2]), { scale: 3 }), [3, 6]);
    expect(traces).toBe(4);
  });

  it('takes and gives trees', async () => {
    const f = compile(({ a, list }: { a: Tensor; list: Tensor[] }) => ({
      z: add(a, list[1]!),
      pair: [list[0]!, 'text', 7] as const,
    }));
    const out = await f({ a: tensor([1]), list: [tensor([2]), tensor([3])] });
    await expectClose(out.z, [4]);
    await expectClose(out.pair[0], [2]);
    expect(out.pair.slice(1)).toEqual(['text', 7]);
  });

  it('refuses arguments that are no trees', async () => {
    const f = compile((x: unknown) => x);
    await expect(f(new Map())).rejects.toThrow(/Map/);
    await expect(f(() => 1)).rejects.toThrow(HebbError);
  });

  it('shows its graph without running', () => {
    const f = compile((x: Tensor) => add(x, 1));
    expect(String(f.graph(zeros([2])))).toMatch(/add\(/);
  });

  it('compiles anew for another backend', async () => {
    let traces = 0;
    const f = compile((x: Tensor) => {
      traces += 1;
      return add(x, 1);
    });
    await f(tensor([1]));
    const other = cpu();
    await withBackend(other, async () => {
      await expectClose(await f(tensor([1])), [2]);
    });
    expect(traces).toBe(2);
    await f(tensor([1]));
    expect(traces).toBe(2);
  });

  it('compiles again after dispose', async () => {
    const constant = tensor([5]);
    const f = compile((x: Tensor) => add(x, constant));
    await expectClose(await f(tensor([1])), [6]);
    f.dispose();
    await expectClose(await f(tensor([2])), [7]);
  });
});

describe('variables', () => {
  it('are read and written at each call', async () => {
    const v = new Variable(tensor([1, 2]));
    const f = compile((x: Tensor) => {
      v.value = add(v.value, x);
      return mul(v.value, 10); // reads what was written
    });
    await expectClose(await f(tensor([1, 1])), [20, 30]);
    await expectClose(v.value, [2, 3]);
    await expectClose(await f(tensor([1, 1])), [30, 40]);
    v.value = tensor([100, 100]);
    await expectClose(await f(tensor([1, 1])), [1010, 1010]);
    await expectClose(v.value, [101, 101]);
  });

  it('are written once at the end, whatever the order', async () => {
    const a = new Variable(scalar(1));
    const b = new Variable(scalar(2));
    const swap = compile(() => {
      const old = a.value;
      a.value = b.value;
      b.value = old;
    });
    await swap();
    expect([await a.value.item(), await b.value.item()]).toEqual([2, 1]);
    await swap();
    expect([await a.value.item(), await b.value.item()]).toEqual([1, 2]);
  });

  it('may be written without being read, and the old buffer goes', async () => {
    const v = new Variable(zeros([2]));
    const f = compile((x: Tensor) => {
      v.value = mul(x, 2);
    });
    const x = await tensor([1, 2]).realize();
    await f(x);
    const before = backend.memory().buffers;
    for (let i = 0; i < 5; i++) await f(x);
    expect(backend.memory().buffers).toBe(before);
    await expectClose(v.value, [2, 4]);
  });

  it('that share one tensor are updated apart', async () => {
    const shared = await zeros([2]).realize();
    const [a, b] = [new Variable(shared), new Variable(shared)];
    const f = compile((x: Tensor) => {
      a.value = add(a.value, x);
      b.value = add(b.value, mul(x, 10));
    });
    await f(ones([2]));
    await f(ones([2]));
    await expectClose(a.value, [2, 2]);
    await expectClose(b.value, [20, 20]);
  });

  it('that hold two outputs of one node are updated apart', async () => {
    const [values, order] = sort(tensor([3, 1, 2]));
    const a = new Variable(values);
    const b = new Variable(order);
    const f = compile(() => {
      a.value = add(a.value, 1);
      b.value = add(b.value, 1);
    });
    await f();
    await f();
    await expectClose(a.value, [3, 4, 5]);
    await expectClose(b.value, [3, 4, 2]);
  });

  it('may be written by a call whose argument is their value', async () => {
    const v = new Variable(tensor([1, 2]));
    const f = compile((x: Tensor) => {
      v.value = add(v.value, x);
      return mul(x, 100);
    });
    const old = v.value;
    await expectClose(await f(old), [100, 200]);
    await expectClose(v.value, [2, 4]);
    await expectClose(old, [1, 2]);
  });

  it('explain what became of a value that was replaced', async () => {
    const v = new Variable(tensor([1, 2]));
    const f = compile(
      () => {
        v.value = add(v.value, 1);
      },
      { name: 'step' },
    );
    const old = v.value;
    await f();
    await expect(old.data()).rejects.toThrow(/step replaced the variable it was read from/);
    const kept = await alias(v.value).realize();
    await f();
    await expectClose(kept, [2, 3]);
    await expectClose(v.value, [3, 4]);
  });

  it('keep their shape and dtype', async () => {
    const v = new Variable(zeros([2]));
    expect(() => {
      v.value = zeros([3]);
    }).toThrow(/keeps its shape and dtype.*float32\[3\].*float32\[2\]/);
    const f = compile(() => {
      v.value = v.value.to('float64');
    });
    await expect(f()).rejects.toThrow(/keeps its shape/);
  });

  it('are unchanged when the function fails, in tracing or running', async () => {
    const v = new Variable(tensor([1]));
    const f = compile((fail: boolean) => {
      v.value = add(v.value, 1);
      if (fail) throw new Error('after the write');
    });
    await expect(f(true)).rejects.toThrow('after the write');
    await expectClose(v.value, [1]);
    await f(false);
    await expectClose(v.value, [2]);
    // A program that fails while running.
    const broken: Backend = {
      ...backend,
      compile: () => ({
        run: () => {
          throw new Error('device lost');
        },
      }),
    };
    const w = new Variable(tensor([1]));
    await w.value.realize();
    const g = compile(() => {
      w.value = add(w.value, 1);
    });
    await withBackend(broken, async () => {
      await expect(g()).rejects.toThrow('device lost');
    });
    await expectClose(w.value, [1]);
  });

  it('that are made inside from arguments are refused; made from constants they work', async () => {
    let made: Variable | undefined;
    const bad = compile((x: Tensor) => {
      made = new Variable(mul(x, 2));
      return x;
    });
    await expect(bad(ones([1]))).rejects.toThrow(
      /made inside the function depends on its arguments/,
    );
    expect(made).toBeDefined();
    // Nothing is left behind that breaks later reads.
    await expectClose(add(ones([1]), 1), [2]);
    let moment: Variable | undefined;
    const good = compile((x: Tensor) => {
      moment ??= new Variable(zeros([1]));
      moment.value = add(moment.value, x);
      return moment.value;
    });
    await expectClose(await good(ones([1])), [1]);
    await expectClose(await good(ones([1])), [2]);
  });

  it('train: a compiled step follows the eager one', async () => {
    const x = tensor([
      [1, 2],
      [3, 4],
      [5, 6],
    ]);
    const y = tensor([[1], [2], [3]]);
    const train = async (compiled: boolean): Promise<number[]> => {
      const w = new Variable(zeros([2, 1]));
      const step = (rate: Tensor): Tensor => {
        const error = x.matmul(w.value).sub(y);
        const loss = error.mul(error).mean();
        const [g] = gradients(loss, [w.value]);
        w.value = w.value.sub(g!.mul(rate));
        return loss;
      };
      const run = compiled ? compile(step) : step;
      for (let i = 0; i < 10; i++) await (await run(scalar(0.01))).data();
      return numbers(w.value);
    };
    const eager = await train(false);
    const compiled = await train(true);
    compiled.forEach((value, i) => expect(value).toBeCloseTo(eager[i]!, 6));
    expect(Math.abs(compiled[1]!)).toBeGreaterThan(0.1);
  });
});

describe('captured tensors', () => {
  it('are inputs, computed once', async () => {
    const constant = mul(tensor([1, 2]), 3);
    const f = compile((x: Tensor) => add(x, constant));
    await expectClose(await f(ones([2])), [4, 7]);
    await expectClose(await f(zeros([2])), [3, 6]);
  });

  it('are found by capture, with variables and writes', () => {
    const constant = tensor([1, 2]);
    const v = new Variable(tensor([1, 1]));
    const found = capture(
      (x: Tensor) => {
        const y = add(mul(x, v.value), constant);
        v.value = y;
        return { y };
      },
      [zeros([2])],
    );
    expect(found.argumentCount).toBe(1);
    expect(found.variables).toEqual([v]);
    expect(found.written).toEqual([v]);
    expect(found.captures).toEqual([constant]);
    expect(found.graph.inputs).toHaveLength(3);
    expect(found.graph.outputs).toHaveLength(2);
  });
});

describe('donation', () => {
  it('consumes the argument, and says so when it is used again', async () => {
    const f = compile((x: Tensor) => add(x, 1), { donate: [0], name: 'increment' });
    const x = await tensor([1, 2]).realize();
    await expectClose(await f(x), [2, 3]);
    await expect(x.data()).rejects.toThrow(/increment consumed it \(donated\)/);
    await expect(f(x)).rejects.toThrow(/consumed/);
  });

  it('refuses one tensor in two places', async () => {
    const f = compile((x: Tensor, y: Tensor) => add(x, y), { donate: [0] });
    const x = await tensor([1, 2]).realize();
    await expect(f(x, x)).rejects.toThrow(/also given to it in another place/);
    await expectClose(x, [1, 2]);
    const g = compile((a: Tensor, b: Tensor) => add(a, b), { donate: [0, 1] });
    await expect(g(x, x)).rejects.toThrow(/another place/);
  });
});

describe('calls', () => {
  it('refuse asynchronous functions', async () => {
    const f = compile(async (x: Tensor) => {
      await Promise.resolve();
      return x;
    });
    await expect(f(ones([1]))).rejects.toThrow(/asynchronous/);
  });

  it('queue: concurrent ones act one after the other', async () => {
    const v = new Variable(scalar(0));
    const f = compile((x: Tensor) => {
      v.value = v.value.mul(2).add(x);
      return v.value;
    });
    const results = await Promise.all([1, 2, 3, 4].map((x) => f(scalar(x))));
    expect((await Promise.all(results.map(numbers))).flat()).toEqual([1, 4, 11, 26]);
    // One that fails does not stop those behind it.
    const g = compile((x: Tensor, fail: boolean) => {
      if (fail) throw new Error('no');
      return x;
    });
    const settled = await Promise.allSettled([g(scalar(1), true), g(scalar(2), false)]);
    expect(settled.map((s) => s.status)).toEqual(['rejected', 'fulfilled']);
  });

  it('queue also behind one whose compilation takes long', async () => {
    const slow: Backend = {
      ...backend,
      compile: async (...args) => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        return backend.compile(...args);
      },
    };
    await withBackend(slow, async () => {
      const v = new Variable(zeros([]));
      const f = compile((x: Tensor) => {
        v.value = v.value.mul(10).add(sum(x));
      });
      await f(ones([1]));
      // The second signature is new, the third call is ready at once: it must not overtake.
      await Promise.all([f(ones([2])), f(ones([1]))]);
      await expectClose(v.value, [121]);
    });
  });

  it('advance a Generator inside, and eager code sees it', async () => {
    const a = new Generator(5);
    const f = compile(() => random.uniform(a.next(), [3]));
    const compiled = [await numbers(await f()), await numbers(await f())];
    const b = new Generator(5);
    const eager = [
      await numbers(random.uniform(b.next(), [3])),
      await numbers(random.uniform(b.next(), [3])),
    ];
    expect(compiled).toEqual(eager);
    expect(compiled[0]).not.toEqual(compiled[1]);
    expect(await numbers(a.next())).toEqual(await numbers(b.next()));
  });

  it('return realised tensors of their own, also when a result is an argument', async () => {
    const f = compile((x: Tensor) => [x, x, sum(x)] as const);
    const x = await tensor([1, 2]).realize();
    const [a, b] = await f(x);
    a.dispose();
    await expectClose(b, [1, 2]);
    await expectClose(x, [1, 2]);
  });

  it('copy tensors from a backend that can only be read by waiting', async () => {
    const slow = { ...cpu(), name: 'slow' };
    delete slow.downloadSync;
    const x = add(tensor([1, 2]), 1);
    await withBackend(slow, () => x.realize());
    await expectClose(add(x, 1), [3, 4]);
    const y = add(tensor([1, 2]), 1);
    await withBackend(slow, () => y.realize());
    const f = compile((z: Tensor) => add(z, 1));
    await expectClose(await f(y), [3, 4]);
    await init(backend);
  });
});

import {
  HebbError,
  add,
  argmax,
  cast,
  conv,
  currentPath,
  fail,
  floor,
  gather,
  gatherElements,
  init,
  iota,
  matmul,
  max,
  random,
  scatter,
  shiftLeft,
  sum,
  tensor,
  where,
  withPath,
  zeros,
} from '../src/index.ts';
import { start } from './support.ts';

const conv2d = {
  stride: [1, 1],
  padding: [
    [0, 0],
    [0, 0],
  ] as const,
  dilation: [1, 1],
  groups: 1,
};

describe('errors', () => {
  it('name the op, the path, what was got and what was wanted', () => {
    const call = () =>
      withPath('encoder', () => withPath('0', () => matmul(zeros([2, 3]), zeros([4, 5]))));
    expect(call).toThrow(
      'matmul at encoder.0: inner sizes differ: 3 and 4 (got float32[2,3] times float32[4,5])',
    );
    try {
      call();
    } catch (error) {
      const problem = error as HebbError;
      expect(problem).toBeInstanceOf(HebbError);
      expect([problem.name, problem.op, problem.path]).toEqual([
        'HebbError',
        'matmul',
        'encoder.0',
      ]);
      expect(problem.got).toBe('float32[2,3] times float32[4,5]');
    }
    expect(currentPath()).toBe('');
  });

  it('leave the path as it was when a layer throws', () => {
    withPath('outer', () => {
      expect(() =>
        withPath('inner', () => {
          throw new Error('x');
        }),
      ).toThrow('x');
      expect(currentPath()).toBe('outer');
    });
    expect(withPath('', currentPath)).toBe('');
  });

  it('put got and wanted at the end', () => {
    expect(() => fail('op', 'bad')).toThrow('op: bad');
    expect(() => fail('op', 'bad', 'a', 'b')).toThrow('op: bad (got a, wanted b)');
    expect(() => fail('op', 'bad', undefined, 'b')).toThrow('op: bad (wanted b)');
  });

  it('say which channels a convolution wants', () => {
    expect(() => conv(zeros([8, 3, 28, 28]), zeros([32, 1, 3, 3]), conv2d)).toThrow(
      'conv: input has 3 channels, weight wants 1 (input [8,3,28,28], weight [32,1,3,3])',
    );
  });

  it.each<[string, () => unknown, RegExp]>([
    [
      'a sum into bool',
      () => scatter(zeros([2], 'bool'), zeros([1], 'int32'), zeros([1], 'bool'), 0, 'add'),
      /scatter: wrong dtype/,
    ],
    [
      'an unknown reduction',
      () => scatter(zeros([2]), zeros([1], 'int32'), zeros([1]), 0, 'mean' as never),
      /none, add, mul/,
    ],
    ['text as an operand', () => add('x' as never, zeros([1])), /not a number.*string/],
    [
      'undefined as an operand',
      () => zeros([1]).mul(undefined as never),
      /not a number.*undefined/,
    ],
    ['undefined as a branch', () => where(tensor([true]), undefined as never, 0), /not a number/],
    ['no tensor at all', () => add(1, 2), /no operand is a tensor/],
    ['null', () => sum(null as never), /sum: an argument is not a tensor.*null/],
    [
      'a number out of range for its dtype',
      () => add(zeros([1], 'uint8'), 300),
      /does not fit uint8/,
    ],
    ['a float where bits are wanted', () => shiftLeft(zeros([1]), 1), /shiftLeft: wrong dtype/],
    [
      'a condition that broadcasts with nothing',
      () => where(tensor([true, false]), zeros([3]), 0),
      /where/,
    ],
    ['an empty maximum', () => max(zeros([0, 2]), 0), /max: nothing to reduce.*\[0,2\]/],
    ['an empty argmax', () => argmax(zeros([2, 0]), 1), /nothing to choose from/],
    ['an axis outside', () => sum(zeros([2]), 1), /sum: axis 1 is out of range for rank 1/],
    ['a scalar in matmul', () => matmul(zeros([]), zeros([2])), /use mul/],
    ['float indices', () => gather(zeros([2]), zeros([1])), /gather: indices are integers/],
    [
      'an index of another rank',
      () => gatherElements(zeros([2, 2]), zeros([2], 'int32'), 0),
      /does not fit/,
    ],
    [
      'a source that does not fit',
      () => scatter(zeros([3]), zeros([2], 'int32'), zeros([3])),
      /source/,
    ],
    [
      'a kernel larger than the input',
      () => conv(zeros([1, 1, 2, 2]), zeros([1, 1, 3, 3]), conv2d),
      /does not fit/,
    ],
    [
      'a negative padding',
      () =>
        conv(zeros([1, 1, 4, 4]), zeros([1, 1, 2, 2]), {
          ...conv2d,
          padding: [
            [-1, 0],
            [0, 0],
          ],
        }),
      /padding/,
    ],
    [
      'groups that do not divide',
      () => conv(zeros([1, 3, 4, 4]), zeros([2, 1, 2, 2]), { ...conv2d, groups: 2 }),
      /channels/,
    ],
    ['a ramp of bool', () => iota(3, 'bool'), /iota/],
    ['a key that is none', () => random.uniform(zeros([2]), [3]), /not a random key.*uint32\[2\]/],
    ['a seed that is none', () => random.key(-1), /seed/],
    ['a probability that is none', () => random.bernoulli(random.key(0), [1], 1.5), /probability/],
    ['bounds the wrong way round', () => random.integers(random.key(0), [1], 3, 3), /low < high/],
  ])('refuse %s', (_, call, message) => {
    expect(call).toThrow(HebbError);
    expect(call).toThrow(message);
  });

  it('do not depend on a backend: shapes are checked where the op is called', async () => {
    // No backend has been set in this file so far.
    const x = floor(zeros([2, 2]));
    expect(x.shape).toEqual([2, 2]);
    await expect(x.data()).rejects.toThrow(/no backend: call `await init\(cpu\(\)\)` first/);
    await start();
    expect(await x.toArray()).toEqual([
      [0, 0],
      [0, 0],
    ]);
  });

  it('refuse dtypes that the backend does not store', async () => {
    const backend = await start();
    const { dtypes } = backend.capabilities;
    const few = new Set([...dtypes].filter((dtype) => dtype !== 'int64'));
    await init({ ...backend, name: 'few', capabilities: { ...backend.capabilities, dtypes: few } });
    await expect(cast(tensor([1n]), 'float32').data()).rejects.toThrow(/few does not store int64/);
    await start();
  });
});

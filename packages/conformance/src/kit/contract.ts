/** What `Backend` promises beside right numbers: copies, counts, lifetimes, errors, determinism. */
import {
  HebbError,
  add,
  alias,
  apply,
  composite,
  dtypeInfo,
  exp,
  full,
  lower,
  matmul,
  mul,
  neg,
  primitive,
  reshape,
  sort,
  sum,
} from '@hebb/core';
import type { Aval, Backend, DType, DeviceBuffer, HostArray, Op, Tensor } from '@hebb/core';
import { check, difference, toleranceOf } from './compare.ts';
import { philoxBlock, philoxWords } from './definitions/philox.ts';
import { seededRandom } from './draw.ts';
import { graphOf, programOf, runOnce } from './program.ts';
import { randomBits } from '@hebb/core';

export interface ContractTest {
  readonly name: string;
  readonly run: (backend: Backend) => Promise<void>;
}

const f32 = (...shape: number[]): Aval => ({ shape, dtype: 'float32' });
const floats = (...values: number[]): Float32Array => Float32Array.from(values);

/** Random bit patterns: NaNs with payloads, subnormals, everything. */
function patterns(dtype: DType, size: number, seed: number): HostArray {
  const data = dtypeInfo(dtype).allocate(size);
  const random = seededRandom(seed);
  const bytes = new Uint8Array(data.buffer);
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] = dtype === 'bool' ? Math.floor(random() * 2) : Math.floor(random() * 256);
  }
  return data;
}

function sameBits(a: HostArray, b: HostArray): boolean {
  if (a.constructor !== b.constructor || a.length !== b.length) return false;
  const [x, y] = [a, b].map((d) => new Uint8Array(d.buffer, d.byteOffset, d.byteLength));
  return x!.every((byte, i) => byte === y![i]);
}

async function expectFloats(
  backend: Backend,
  buffer: DeviceBuffer,
  expected: readonly number[],
  what: string,
): Promise<void> {
  const problem = difference(
    await backend.download(buffer),
    Float32Array.from(expected),
    f32(expected.length),
    { tolerance: toleranceOf('float32') },
  );
  check(problem === undefined, `${what}: ${problem}`);
}

/** `[x + 1]` with some inputs donated, on buffers. */
async function compileOn(
  backend: Backend,
  avals: readonly Aval[],
  fn: (inputs: Tensor[]) => readonly Tensor[],
  donated?: readonly number[],
) {
  return backend.compile(graphOf(avals, fn), donated === undefined ? {} : { donated });
}

const strange: Op = primitive('noSuchPrimitive', {
  infer: ([x]) => [x!],
  samples: [],
});

const square = composite('contractSquare', {
  body: (x: Tensor, { times = 1 }: { times?: number } = {}) => mul(mul(x, x), times),
  samples: [],
});
const nested = composite('contractNested', {
  body: (x: Tensor) => add(square(x, { times: 3 }), square(x)),
  samples: [],
});

export const contractTests: readonly ContractTest[] = [
  {
    name: 'says what it can do',
    run: async (backend) => {
      const { dtypes, sync, threads } = backend.capabilities;
      check(backend.name !== '', 'the backend has no name');
      for (const needed of ['float32', 'int32', 'uint32', 'bool'] as const) {
        check(dtypes.has(needed), `every backend stores ${needed}`);
      }
      check(Number.isInteger(threads) && threads >= 1, `threads is ${threads}`);
      check(
        sync === (backend.downloadSync !== undefined),
        `capabilities.sync is ${sync}, downloadSync is ${typeof backend.downloadSync}`,
      );
    },
  },
  {
    name: 'upload and download keep every bit of every dtype',
    run: async (backend) => {
      for (const dtype of backend.capabilities.dtypes) {
        for (const shape of [[], [0], [1], [7], [3, 0], [13, 17], [1021]]) {
          const size = shape.reduce((n, d) => n * d, 1);
          const data = patterns(dtype, size, size + dtype.length);
          const buffer = backend.upload(data, { shape, dtype });
          const name = `${dtype}[${shape.join(',')}]`;
          check(buffer.dtype === dtype && String(buffer.shape) === String(shape), `${name}: type`);
          check(sameBits(await backend.download(buffer), data), `${name} changed on the way`);
          if (backend.downloadSync !== undefined) {
            check(sameBits(backend.downloadSync(buffer), data), `${name} changed (downloadSync)`);
          }
          backend.free(buffer);
        }
      }
    },
  },
  {
    name: 'movement keeps every bit of every dtype',
    run: async (backend) => {
      for (const dtype of backend.capabilities.dtypes) {
        const data = patterns(dtype, 12, 3);
        const { values } = await runOnce(
          backend,
          [{ aval: { shape: [12], dtype }, data }],
          ([x]) => [
            reshape(alias(x!), [3, 4]),
            reshape(x!, [3, 4]).permute([1, 0]).permute([1, 0]),
            reshape(x!, [3, 4]).flip(0).flip(0),
          ],
        );
        values.forEach((value, i) => check(sameBits(value, data), `${dtype}, output ${i} changed`));
      }
    },
  },
  {
    name: "upload copies, and each download is the caller's own",
    run: async (backend) => {
      const data = floats(1, 2, 3);
      const buffer = backend.upload(data, f32(3));
      data[0] = 100;
      const first = await backend.download(buffer);
      first[1] = 100;
      await expectFloats(backend, buffer, [1, 2, 3], 'a buffer was written to from outside');
      backend.free(buffer);
    },
  },
  {
    name: 'memory counts live buffers and bytes, and comes back to where it was',
    run: async (backend) => {
      const before = backend.memory();
      const x = backend.upload(floats(1, 2, 3, 4), f32(4));
      const one = backend.memory();
      check(
        one.buffers === before.buffers + 1,
        `an upload is ${one.buffers - before.buffers} buffers`,
      );
      check(one.bytes >= before.bytes + 16, `16 bytes count as ${one.bytes - before.bytes}`);
      const executable = await compileOn(backend, [f32(4)], ([y]) => [
        exp(mul(neg(y!), 2)),
        sum(y!),
      ]);
      for (let round = 0; round < 5; round++) {
        const results = executable.run([x]);
        const during = backend.memory();
        check(
          during.buffers === before.buffers + 3,
          `after a run with two results ${during.buffers - before.buffers - 1} buffers are new`,
        );
        for (const result of results) backend.free(result);
      }
      backend.free(x);
      executable.dispose?.();
      const after = backend.memory();
      check(
        after.buffers === before.buffers && after.bytes === before.bytes,
        `${after.buffers - before.buffers} buffers and ${after.bytes - before.bytes} bytes are left`,
      );
    },
  },
  {
    name: 'results stay what they are when the program runs again',
    run: async (backend) => {
      const executable = await compileOn(backend, [f32(3)], ([x]) => [add(x!, 1), exp(mul(x!, 0))]);
      const a = backend.upload(floats(1, 2, 3), f32(3));
      const b = backend.upload(floats(10, 20, 30), f32(3));
      const first = executable.run([a]);
      const second = executable.run([b]);
      const third = executable.run([first[0]!]);
      await expectFloats(backend, first[0]!, [2, 3, 4], 'first run');
      await expectFloats(backend, second[0]!, [11, 21, 31], 'second run');
      await expectFloats(backend, third[0]!, [3, 4, 5], 'third run, on a result of the first');
      for (const buffer of [a, b, ...first, ...second, ...third]) backend.free(buffer);
      executable.dispose?.();
    },
  },
  {
    name: 'outputs may be inputs, or the same value twice: each is a buffer of its own to free',
    run: async (backend) => {
      const before = backend.memory().buffers;
      const executable = await compileOn(backend, [f32(2)], ([x]) => {
        const y = add(x!, 1);
        return [x!, alias(x!), y, y, x!];
      });
      const x = backend.upload(floats(1, 2), f32(2));
      const results = executable.run([x]);
      check(new Set([x, ...results]).size === 6, 'an input or an output is handed out twice');
      backend.free(x);
      await expectFloats(backend, results[0]!, [1, 2], 'an output after its input was freed');
      backend.free(results[0]!);
      backend.free(results[2]!);
      await expectFloats(
        backend,
        results[1]!,
        [1, 2],
        'the second alias after the first was freed',
      );
      await expectFloats(backend, results[3]!, [2, 3], 'the second handle of a value');
      await expectFloats(backend, results[4]!, [1, 2], 'the third alias');
      for (const i of [1, 3, 4]) backend.free(results[i]!);
      executable.dispose?.();
      check(backend.memory().buffers === before, 'buffers are left');
    },
  },
  {
    name: 'donated inputs are consumed, and nothing else is touched',
    run: async (backend) => {
      const before = backend.memory().buffers;
      const copy = await compileOn(backend, [f32(2)], ([x]) => [x!]);
      const step = await compileOn(
        backend,
        [f32(2), f32(2)],
        ([x, y]) => [add(x!, y!), mul(x!, y!)],
        [0],
      );
      const y = backend.upload(floats(10, 20), f32(2));
      let x = backend.upload(floats(1, 2), f32(2));
      // Another handle on the same value must survive.
      const [kept] = copy.run([x]) as [DeviceBuffer];
      for (let round = 0; round < 3; round++) {
        const [next, product] = step.run([x, y]) as [DeviceBuffer, DeviceBuffer];
        check(backend.memory().buffers === before + 4, 'a donated input is still counted');
        backend.free(product);
        x = next;
      }
      await expectFloats(backend, x, [31, 62], 'three steps');
      await expectFloats(backend, kept, [1, 2], 'an alias of a donated buffer');
      await expectFloats(backend, y, [10, 20], 'an input that was not donated');
      for (const buffer of [x, y, kept]) backend.free(buffer);
      copy.dispose?.();
      step.dispose?.();
      check(backend.memory().buffers === before, 'buffers are left');
    },
  },
  {
    name: 'a donated input may be an output, or be used by several',
    run: async (backend) => {
      const before = backend.memory().buffers;
      const program = await compileOn(
        backend,
        [f32(2), f32(2)],
        ([a, b]) => [b!, add(a!, 1), a!, sum(a!), add(a!, b!)],
        [0, 1],
      );
      const a = backend.upload(floats(1, 2), f32(2));
      const b = backend.upload(floats(3, 4), f32(2));
      const results = program.run([a, b]);
      await expectFloats(backend, results[0]!, [3, 4], 'b');
      await expectFloats(backend, results[1]!, [2, 3], 'a + 1');
      await expectFloats(backend, results[2]!, [1, 2], 'a');
      await expectFloats(backend, results[4]!, [4, 6], 'a + b');
      for (const buffer of results) backend.free(buffer);
      program.dispose?.();
      check(backend.memory().buffers === before, 'buffers are left');
    },
  },
  {
    name: 'runs graphs without inputs, with unused ones, with no nodes, and with unused outputs',
    run: async (backend) => {
      const constant = await runOnce(backend, [], () => [full([3], 2.5)]);
      check(
        String(constant.values[0]) === '2.5,2.5,2.5',
        `full gave ${String(constant.values[0])}`,
      );
      const two = [1, 2].map((k) => ({ aval: f32(1), data: floats(k) }));
      const unused = await runOnce(backend, two, ([, y]) => [neg(y!)]);
      check(unused.values[0]![0] === -2, 'an unused input confuses the program');
      const half = await runOnce(backend, [{ aval: f32(3), data: floats(3, 1, 2) }], ([x]) => [
        sort(x!)[1],
      ]);
      check(String(half.values[0]) === '1,2,0', `sort gave ${String(half.values[0])}`);
      const nothing = await runOnce(backend, two, () => []);
      check(nothing.values.length === 0, 'a graph without outputs has some');
    },
  },
  {
    name: 'expands composites, also inside each other, without being told',
    run: async (backend) => {
      const { values } = await runOnce(backend, [{ aval: f32(2), data: floats(1, -2) }], ([x]) => [
        nested(x!),
      ]);
      check(String(values[0]) === '4,16', `got ${String(values[0])}, expected 4,16`);
    },
  },
  {
    name: 'names the op that it does not know',
    run: async (backend) => {
      const graph = graphOf([f32(2)], ([x]) => apply(strange, [x!], {}));
      let error: unknown;
      try {
        await backend.compile(graph);
      } catch (caught) {
        error = caught;
      }
      check(error instanceof HebbError, `compile gave ${String(error)}, not a HebbError`);
      check(
        error.message.includes('noSuchPrimitive'),
        `the message lacks the name: ${error.message}`,
      );
    },
  },
  {
    name: 'gives the same bits each time, and for a graph compiled again',
    run: async (backend) => {
      const size = 10_007;
      const random = seededRandom(5);
      const x = Float32Array.from({ length: size }, () => random() - 0.5);
      const w = Float32Array.from({ length: 64 * 33 }, () => random() - 0.5);
      const fn = ([a, b]: Tensor[]): Tensor[] => [
        sum(a!),
        sum(exp(a!)),
        matmul(reshape(b!, [33, 64]), reshape(b!, [64, 33])),
      ];
      const avals = [f32(size), f32(64 * 33)];
      const one = await programOf(backend, avals, fn);
      const other = await programOf(backend, avals, fn);
      const runs = [await one.run([x, w]), await one.run([x, w]), await other.run([x, w])];
      runs[0]!.forEach((value, i) => {
        check(sameBits(runs[1]![i]!, value), `output ${i} changes from run to run`);
        check(sameBits(runs[2]![i]!, value), `output ${i} changes when compiled again`);
      });
      one.dispose();
      other.dispose();
    },
  },
  {
    name: 'draws the known answers of Philox4x32-10',
    run: async (backend) => {
      // kat_vectors of Random123 (Salmon et al. 2011); the first is counter 0 under key 0.
      const zero = philoxBlock([0n, 0n, 0n, 0n], [0n, 0n]).map(Number);
      check(
        String(zero) === String([0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]),
        'the kit itself is wrong',
      );
      for (const key of [
        [0, 0],
        [1, 0],
        [0, 1],
        [0xffffffff, 0x12345678],
      ] as const) {
        for (const size of [1, 4, 5, 1023]) {
          const { values } = await runOnce(
            backend,
            [{ aval: { shape: [2], dtype: 'uint32' }, data: Uint32Array.from(key) }],
            ([k]) => [randomBits(k!, [size])],
          );
          const expected = philoxWords(key, size);
          const wrong = expected.findIndex((word, i) => values[0]![i] !== word);
          check(
            wrong < 0,
            `key ${String(key)}, word ${wrong} of ${size}: got ${values[0]![wrong]}, expected ${expected[wrong]}`,
          );
        }
      }
    },
  },
  {
    name: 'compiles a chain of 5,000 nodes',
    run: async (backend) => {
      const { values } = await runOnce(backend, [{ aval: f32(2), data: floats(0, 1) }], ([x]) => {
        let y = x!;
        for (let i = 0; i < 5000; i++) y = add(y, x!);
        return [y];
      });
      check(String(values[0]) === '0,5001', `got ${String(values[0])}`);
    },
  },
  {
    name: 'takes the graph as it is, or lowered already',
    run: async (backend) => {
      const graph = graphOf([f32(2)], ([x]) => [nested(alias(x!))]);
      for (const form of [graph, lower(graph), lower(lower(graph))]) {
        const executable = await backend.compile(form);
        const x = backend.upload(floats(1, -2), f32(2));
        const [y] = executable.run([x]) as [DeviceBuffer];
        await expectFloats(backend, y, [4, 16], 'nested composite');
        backend.free(x);
        backend.free(y);
        executable.dispose?.();
      }
    },
  },
];

/** Where buffers go when the arena comes in parts. */
import { matmul, scan, sizeOf, tensor, traceGraph } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { compileGraph } from '../src/index.ts';
import type { Kernel, Program } from '../src/index.ts';

const bytesOf = (): number => 4;
/** Products between which everything has to be in memory. */
function chain(x: Tensor, times: number): Tensor {
  let y = x;
  for (let i = 0; i < times; i++) y = matmul(y, x).add(y);
  return y;
}
const graphOf = (outputs: readonly Tensor[]) => traceGraph(outputs, []).graph;

function arenaOf(program: Program): { start: number; end: number; dtype: string }[] {
  return program.buffers.flatMap(({ dtype, shape, place }) =>
    place.kind === 'arena' && sizeOf(shape) > 0
      ? [{ dtype, start: place.offset, end: place.offset + sizeOf(shape) * bytesOf() }]
      : [],
  );
}
const scans = ({ kernels }: Program): Extract<Kernel, { kind: 'scan' }>[] =>
  kernels.filter((kernel) => kernel.kind === 'scan');

it('no buffer crosses from one part into the next', () => {
  // 900 bytes each: one fits in a part of 1024, and several live at once.
  const x = tensor(new Float32Array(225), { shape: [15, 15] });
  const graph = graphOf([matmul(chain(x, 3), chain(x.mul(2), 4))]);
  const whole = compileGraph(graph, { bytesOf, alignment: 4 });
  const parts = compileGraph(graph, { bytesOf, alignment: 4, partBytes: 1024 });
  expect(parts.kernels).toEqual(whole.kernels);
  const arena = arenaOf(parts);
  expect(arena.length).toBeGreaterThan(3);
  expect(arena.some(({ start }) => start >= 1024)).toBe(true);
  for (const { start, end } of arena) {
    expect(Math.floor(start / 1024)).toBe(Math.floor((end - 1) / 1024));
    expect(end).toBeLessThanOrEqual(parts.arenaBytes);
  }
  // Without parts they lie across those borders.
  expect(arenaOf(whole).some(({ start, end }) => start < 1024 && end > 1024)).toBe(true);
});

it('types of different kinds are in parts of their own', () => {
  const x = tensor(new Float32Array(64), { shape: [8, 8] });
  const half = x.to('float16');
  const graph = graphOf([matmul(chain(half, 3).to('float32'), chain(x, 3))]);
  const program = compileGraph(graph, {
    bytesOf,
    partBytes: 1024,
    kindOf: (dtype) => (dtype === 'float16' ? 1 : 0),
  });
  const kinds = new Map<number, Set<boolean>>();
  for (const { dtype, start } of arenaOf(program)) {
    const part = Math.floor(start / 1024);
    kinds.set(part, (kinds.get(part) ?? new Set()).add(dtype === 'float16'));
  }
  expect(kinds.size).toBeGreaterThan(1);
  for (const found of kinds.values()) expect(found.size).toBe(1);
});

it('a part that a scan needs more of begins with one', () => {
  const x = tensor(new Float32Array(100), { shape: [10, 10] });
  const [[y]] = scan(([carry]) => [[chain(carry!, 4)], []], [x.add(1)], [], { length: 3 });
  const graph = graphOf([matmul(y!, x.mul(3))]);
  const program = compileGraph(graph, { bytesOf, partBytes: 512 });
  const [found] = scans(program);
  expect(found!.body.arenaBytes).toBeGreaterThan(512);
  const { place } = program.buffers[found!.arena]!;
  expect(place.kind === 'arena' && place.offset % 512).toBe(0);
});

/** Reads 64 files of 8 MiB in a mixed order with at most 32 MiB kept, and tells how much memory that took. */
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { fetchBatch, ndarray } from '../src/index.ts';
import { shardFiles } from '../src/node.ts';

const [, , folder = ''] = process.argv;
const [files, rows, width] = [64, 128, 65536];
const paths = Array.from({ length: files }, (_, k) => {
  const path = join(folder, `${k}.bin`);
  const file = openSync(path, 'w');
  // Holes between the rows' first bytes: quick to write, and read like anything else.
  ftruncateSync(file, rows * width);
  for (let row = 0; row < rows; row++) writeSync(file, Uint8Array.of(k, row), 0, 2, row * width);
  closeSync(file);
  return path;
});
const peak = (): number =>
  Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1024;

const before = peak();
/** Collects what is free: else the peak is what V8 has not got around to. */
const collect = globalThis.gc;
if (collect === undefined) throw new Error('start with --expose-gc');
const data = shardFiles(paths, {
  maxBytes: 2 ** 25,
  lengths: paths.map(() => rows),
  read: (bytes) => ({ x: ndarray(new Uint8Array(bytes), [rows, width]) }),
});
const order = data.sampler({ seed: 1, together: 3 }).order(0);
const seen = new Set<number>();
let most = 0;
for (let from = 0; from < order.length; from += 64) {
  const { x } = fetchBatch(data, order.subarray(from, from + 64));
  most = Math.max(most, data.bytesKept);
  collect();
  for (let i = 0; i < 64; i++)
    seen.add(Number(x!.data[i * width]) * rows + Number(x!.data[i * width + 1]));
}
console.log(JSON.stringify({ seen: seen.size, most, reads: data.reads, mib: peak() - before }));

/** NumPy's files: made here and by NumPy itself. */
import { existsSync, readFileSync } from 'node:fs';
import { zipSync } from 'fflate';
import { DataError, ndarray, readNpy, readNpz, writeNpy, writeNpz } from '../src/index.ts';

/** A file as NumPy writes it, by hand. */
function npy(descr: string, fortran: boolean, shape: string, data: Uint8Array): Uint8Array {
  const text = `{'descr': ${descr}, 'fortran_order': ${fortran ? 'True' : 'False'}, 'shape': ${shape}, }\n`;
  const head = new TextEncoder().encode(text);
  return Uint8Array.of(0x93, 78, 85, 77, 80, 89, 1, 0, head.length, 0, ...head, ...data);
}

it('comes back the same for every type and rank', () => {
  const arrays = {
    f: ndarray(Float32Array.of(1, -2, 3, 4, 5, 6), [2, 3]),
    d: ndarray(Float64Array.of(Math.PI), []),
    h: ndarray(Uint16Array.of(0x3c00), [1], 'float16'),
    i: ndarray(BigInt64Array.of(-1n, 2n ** 40n), [2]),
    b: ndarray(Uint8Array.of(1, 0), [2, 1], 'bool'),
    none: ndarray(new Int32Array(), [0, 4]),
    'layer.0/weight': ndarray(Int8Array.of(-1), [1, 1, 1]),
  };
  expect(readNpz(writeNpz(arrays))).toEqual(arrays);
  expect(readNpz(writeNpz(arrays, { compress: true }))).toEqual(arrays);
  expect(readNpy(writeNpy(arrays.f))).toEqual(arrays.f);
  expect((writeNpy(arrays.f).length - arrays.f.data.byteLength) % 64).toBe(0);
});

it('reads other byte orders and column-major arrays', () => {
  expect(readNpy(npy("'>i2'", false, '(2,)', Uint8Array.of(1, 2, 255, 255)))).toEqual(
    ndarray(Int16Array.of(258, -1)),
  );
  expect(readNpy(npy("'|u1'", true, '(2, 3)', Uint8Array.of(1, 4, 2, 5, 3, 6)))).toEqual(
    ndarray(Uint8Array.of(1, 2, 3, 4, 5, 6), [2, 3]),
  );
});

it('refuses what is broken, too large, or no array of numbers', () => {
  for (const bytes of [
    new Uint8Array(),
    npy("'<f4'", false, '(2,)', new Uint8Array(7)),
    npy("'<f4'", false, '(99999999999, 99999999)', new Uint8Array(8)),
    npy("'|O'", false, '(1,)', new Uint8Array(8)),
    npy("[('a', '<f4')]", false, '(1,)', new Uint8Array(4)),
    npy("'<c8'", false, '(1,)', new Uint8Array(8)),
    npy("'<f4'", false, '(1,)', new Uint8Array(4)).subarray(0, 9),
  ]) {
    expect(() => readNpy(bytes)).toThrow(DataError);
  }
  expect(() => readNpz(new Uint8Array(40))).toThrow(DataError);
  const bomb = zipSync({ 'a.npy': new Uint8Array(1 << 20) });
  expect(() => readNpz(bomb, { maxBytes: 1000 })).toThrow(/too large/);
  expect(() => writeNpy(ndarray(new Uint16Array(1), [1], 'bfloat16'))).toThrow(/bfloat16/);
});

const file = new URL('../../../../shared/data/training-runs/ConvGrad/inputs.npz', import.meta.url);
// The data folder lies beside the repository.
(existsSync(file) ? it : it.skip)('reads a file that NumPy wrote', () => {
  const arrays = readNpz(readFileSync(file));
  expect(arrays['weight']).toMatchObject({ dtype: 'float32', shape: [4, 2, 3, 3] });
});

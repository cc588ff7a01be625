/** The same model and inputs here and in ONNX Runtime. */
import { compareTensors, encodeModel, importOnnx, isTensor } from '../src/index.ts';
import type { ModelProto, Runtime, TensorData } from '../src/index.ts';
import { onnxRuntime } from '../src/node.ts';

export function floats(shape: readonly number[], seed = 1): TensorData {
  let state = seed;
  const size = shape.reduce((n, dim) => n * dim, 1);
  const data = Float32Array.from({ length: size }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 32) * 4 - 2;
  });
  return { dtype: 'float32', shape, data };
}

let runtime: Promise<Runtime> | undefined;

/** Expects every output to agree. */
export async function agree(
  source: ModelProto,
  inputs: Readonly<Record<string, TensorData>>,
): Promise<void> {
  const session = await (await (runtime ??= onnxRuntime())).load(encodeModel(source));
  const expected = await session.run(inputs);
  const actual = await importOnnx(source).runValues(inputs);
  for (const [name, wanted] of Object.entries(expected)) {
    const value = actual[name]!;
    if (!isTensor(value)) throw new Error(`${name} is a ${value.kind}`);
    const result = compareTensors(value, wanted, { rtol: 1e-4, atol: 1e-5 });
    expect({
      name,
      ...result,
      got: result.ok ? [] : [...value.data],
      wanted: result.ok ? [] : [...wanted.data],
    }).toMatchObject({ ok: true });
  }
  await session.release();
}

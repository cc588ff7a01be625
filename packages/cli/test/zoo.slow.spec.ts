/** Published models, compiled, against the outputs they were published with. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decodeTensor } from '@hebb/onnx';
import type { TensorData } from '@hebb/onnx';
import { importOnnxFile } from '@hebb/onnx/node';
import { load, pickModule } from '@hebb/runtime';
import type { Inputs } from '@hebb/runtime';
import { compileOnnx } from '../src/index.ts';

const data =
  process.env['HEBB_MODELS'] ??
  fileURLToPath(new URL('../../../../shared/data/models', import.meta.url));
const names = existsSync(data) ? readdirSync(data).sort() : [];

const read = (path: string): TensorData => decodeTensor(new Uint8Array(readFileSync(path)));

for (const name of names) {
  const folder = join(data, name);
  const sets = readdirSync(folder).filter((entry) => entry.startsWith('test_data_set_'));
  it(`${name} gives its published outputs`, async () => {
    const model = await importOnnxFile(join(folder, 'model.onnx'));
    for (const set of sets) {
      const inputs: Record<string, TensorData> = {};
      const sizes: Record<string, number> = {};
      model.inputs.forEach(({ name: input, shape }, i) => {
        const value = read(join(folder, set, `input_${i}.pb`));
        // One file gives a scalar as a list of one.
        const dims = shape!.length === 0 ? [] : value.shape;
        inputs[input] = { ...value, shape: dims } as TensorData;
        shape!.forEach((dim, axis) => {
          if (typeof dim !== 'number') sizes[dim ?? `${input}.${axis}`] = dims[axis]!;
        });
      });
      const { plan, modules, weights } = await compileOnnx(model, { shapes: [sizes] });
      const module = new WebAssembly.Module(modules.get(pickModule(plan).file)!);
      const outputs = load({ plan, module, weights }).run(inputs as Inputs);
      expect(plan.functions[0]!.outputs.map((output) => output.name)).toEqual(
        model.outputs.map((output) => output.name),
      );
      model.outputs.forEach(({ name: output }, i) => {
        const wanted = read(join(folder, set, `output_${i}.pb`));
        const got = outputs[output]!;
        expect(got.shape).toEqual(wanted.shape);
        const worst = Array.from(wanted.data as ArrayLike<number>, (x, k) => {
          const difference = Math.abs(Number(got.data[k]) - Number(x));
          return difference / (1 + Math.abs(Number(x)));
        }).reduce((a, b) => (Number.isNaN(b) ? Infinity : Math.max(a, b)), 0);
        expect(worst).toBeLessThan(2e-5);
      });
    }
  });
}
if (names.length === 0)
  it.skip('needs the published models in ../shared/data/models', () => undefined);

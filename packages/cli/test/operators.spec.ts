/** What the table of operators says, on models whose answers are known. */
import { cpu } from '@hebb/backend-cpu';
import { init } from '@hebb/core';
import { importOnnx, makeGraph, makeModel, makeNode, makeValueInfo } from '@hebb/onnx';
import type { NodeProto, TensorData } from '@hebb/onnx';
import { exportedOperators } from '../src/operators/exports.ts';
import { gradientStatus } from '../src/operators/gradient.ts';

beforeAll(async () => {
  await init(cpu());
});

const f32 = (shape: readonly number[], ...values: number[]): TensorData => ({
  dtype: 'float32',
  shape,
  data: Float32Array.from(values),
});
const x = f32([2, 2], 0.5, -1, 2, 0.25);

async function status(
  node: NodeProto,
  inputs: Readonly<Record<string, TensorData>>,
): Promise<string> {
  const model = makeModel(
    makeGraph({
      inputs: Object.entries(inputs).map(([name, { dtype, shape }]) =>
        makeValueInfo(name, dtype, shape),
      ),
      outputs: node.output.map((name) => ({ name, metadataProps: [] })),
      nodes: [node],
    }),
  );
  return gradientStatus(importOnnx(model), inputs);
}

it.each([
  ['Tanh', 'right'],
  ['Relu', 'right'],
  ['Floor', 'right'],
  ['NonZero', 'data'],
  ['ArgMax', 'none'],
])('the gradient of %s is %s', async (op, wanted) => {
  expect(await status(makeNode(op, ['x'], ['y']), { x })).toBe(wanted);
});

it('finds a gradient that is wrong', async () => {
  // Straight through: a derivative of one where the function is steps.
  const domain = 'test';
  const model = makeModel(
    makeGraph({
      inputs: [makeValueInfo('x', 'float32', [2, 2])],
      outputs: [makeValueInfo('y', 'float32', [2, 2])],
      nodes: [makeNode('Exp', ['x'], ['y'])],
    }),
    { '': 18, [domain]: 1 },
  );
  const net = importOnnx(model);
  const forward = net.forward.bind(net);
  net.forward = (...given) => {
    const y = forward(...given);
    return Array.isArray(y) ? y : y.detach().add(given[0]!.sub(given[0]!.detach()));
  };
  expect(await gradientStatus(net, { x })).toBe('wrong');
});

it('leaves out inputs that decide shapes', async () => {
  const scales = f32([2], 2, 2);
  const node = makeNode('Resize', ['x', '', 'scales'], ['y'], { attributes: { mode: 'linear' } });
  expect(await status(node, { x, scales })).toBe('right');
});

it('knows what the exporter writes, and from which opset on', async () => {
  const exported = await exportedOperators();
  expect(exported.get('Conv')).toEqual(new Set([13, 18, 26]));
  expect(exported.get('LayerNormalization')).toEqual(new Set([18, 26]));
  expect(exported.get('NonZero')).toBeUndefined();
});

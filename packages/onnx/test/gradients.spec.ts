/** The gradient operators of training graphs against differentiation of the forward operator. */
import { cpu } from '@hebb/backend-cpu';
import { gradients, init, random, stopGradient, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { importOnnx, makeGraph, makeModel, makeNode, makeValueInfo } from '../src/index.ts';
import type { NodeOptions } from '../src/index.ts';

beforeAll(async () => {
  await init(cpu());
});

const draw = (seed: number, ...shape: number[]): Tensor => random.normal(random.key(seed), shape);

async function run(
  op: string,
  inputs: readonly Tensor[],
  outputs: number,
  attributes: NodeOptions['attributes'] = {},
  domain = '',
): Promise<number[][]> {
  const names = inputs.map((_, i) => `x${i}`);
  const results = Array.from({ length: outputs }, (_, i) => `y${i}`);
  const model = importOnnx(
    makeModel(
      makeGraph({
        inputs: inputs.map((x, i) => makeValueInfo(names[i]!, x.dtype, x.shape)),
        outputs: results.map((name) => makeValueInfo(name, 'float32')),
        nodes: [makeNode(op, names, results, { domain, attributes })],
      }),
      { '': 17, [domain]: 17 },
    ),
  );
  const made = await model.run(Object.fromEntries(inputs.map((x, i) => [names[i]!, x])));
  return Promise.all(results.map((name) => list(made[name]!)));
}

const list = async (x: Tensor): Promise<number[]> => Array.from(await x.data(), Number);

function expectClose(actual: readonly number[], wanted: readonly number[]): void {
  expect(actual).toHaveLength(wanted.length);
  wanted.forEach((value, i) => expect(actual[i]).toBeCloseTo(value, 4));
}

/** What differentiation says of a forward operator, run through the bridge as well. */
async function reference(
  op: string,
  inputs: readonly Tensor[],
  cotangent: Tensor,
  attributes: NodeOptions['attributes'] = {},
  domain = '',
): Promise<number[][]> {
  const names = inputs.map((_, i) => `x${i}`);
  const model = importOnnx(
    makeModel(
      makeGraph({
        inputs: inputs.map((x, i) => makeValueInfo(names[i]!, x.dtype, x.shape)),
        outputs: [makeValueInfo('y', 'float32')],
        nodes: [makeNode(op, names, ['y'], { domain, attributes })],
      }),
      { '': 20, [domain]: 20 },
    ),
  );
  const own = inputs.map((x) => stopGradient(x));
  const y = model.forward(...own) as Tensor;
  return Promise.all(gradients(y, own, { cotangents: [cotangent] }).map(list));
}

const x = () => draw(1, 3, 5);
const dy = () => draw(2, 3, 5);

it.each<[string, string, NodeOptions['attributes']]>([
  ['ReluGrad', 'Relu', {}],
  ['GeluGrad', 'Gelu', {}],
  ['FastGeluGrad', 'Gelu', { approximate: 'tanh' }],
])('%s', async (op, forward, attributes) => {
  const [wanted] = await reference(forward, [x()], dy(), attributes);
  expectClose((await run(op, [dy(), x()], 1, {}, 'com.microsoft'))[0]!, wanted!);
});

it.each([
  ['SigmoidGrad', 'Sigmoid'],
  ['TanhGrad', 'Tanh'],
  ['SoftmaxGrad_13', 'Softmax'],
  ['LogSoftmaxGrad_13', 'LogSoftmax'],
])('%s takes the result of the forward operator', async (op, forward) => {
  const [wanted] = await reference(forward, [x()], dy());
  const y = tensor((await run(forward, [x()], 1))[0]!, { shape: [3, 5] });
  expectClose((await run(op, [dy(), y], 1, {}, 'com.microsoft'))[0]!, wanted!);
});

it('ConvGrad', async () => {
  const inputs = [draw(3, 2, 2, 5, 5), draw(4, 3, 2, 3, 3), draw(5, 3)];
  const cotangent = draw(6, 2, 3, 3, 3);
  const attributes = { strides: [2, 2], pads: [1, 1, 1, 1] };
  const wanted = await reference('Conv', inputs, cotangent, attributes);
  const got = await run('ConvGrad', [cotangent, inputs[0]!, inputs[1]!], 3, attributes);
  wanted.forEach((values, i) => expectClose(got[i]!, values));
});

it('LayerNormalizationGrad', async () => {
  const inputs = [x(), draw(7, 5), draw(8, 5)];
  const wanted = await reference('LayerNormalization', inputs, dy());
  const unused = [draw(9, 3, 1), draw(10, 3, 1)];
  const given = [dy(), inputs[0]!, inputs[1]!, ...unused];
  const got = await run('LayerNormalizationGrad', given, 3, {}, 'com.microsoft');
  wanted.forEach((values, i) => expectClose(got[i]!, values));
});

it.each(['mean', 'sum', 'none'])('SoftmaxCrossEntropyLossGrad, %s', async (reduction) => {
  const labels = tensor([1, 4, 0], { dtype: 'int64' });
  const weights = tensor([1, 2, 0.5, 1, 3]);
  const outer = reduction === 'none' ? draw(11, 3) : tensor(0.5);
  const logp = tensor((await run('LogSoftmax', [x()], 1))[0]!, { shape: [3, 5] });
  const forward = importOnnx(
    makeModel(
      makeGraph({
        inputs: [makeValueInfo('x', 'float32', [3, 5]), makeValueInfo('l', 'int64', [3])],
        outputs: [makeValueInfo('y', 'float32')],
        nodes: [
          makeNode('SoftmaxCrossEntropyLoss', ['x', 'l', 'w'], ['y'], {
            attributes: { reduction },
          }),
        ],
        initializers: {
          w: { dtype: 'float32', shape: [5], data: Float32Array.of(1, 2, 0.5, 1, 3) },
        },
      }),
    ),
  );
  const own = stopGradient(x());
  const [wanted] = gradients(forward.forward(own, labels) as Tensor, [own], {
    cotangents: [outer],
  });
  const given = [outer, logp, labels, weights];
  const got = await run('SoftmaxCrossEntropyLossGrad', given, 1, { reduction }, 'com.microsoft');
  expectClose(got[0]!, await list(wanted!));
});

it('InPlaceAccumulatorV2 adds, or starts anew', async () => {
  const inputs = (reset: boolean) => [x(), dy(), tensor([reset], { dtype: 'bool' })];
  const [flag, sum] = await run('InPlaceAccumulatorV2', inputs(false), 2, {}, 'com.microsoft');
  expect(flag).toEqual([1]);
  expectClose(sum!, await list(x().add(dy())));
  const [, fresh] = await run('InPlaceAccumulatorV2', inputs(true), 2, {}, 'com.microsoft');
  expectClose(fresh!, await list(dy()));
});

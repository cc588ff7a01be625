import { compile, gradients, init, ones, sum, zeros } from '@hebb/core';
import type { DType, Tensor } from '@hebb/core';
import { cpu } from '@hebb/backend-cpu';
import { Sequential } from '@hebb/nn';
import type { Layer, Module } from '@hebb/nn';
import {
  AvgPool1d,
  AvgPool2d,
  AvgPool3d,
  BatchNorm1d,
  BatchNorm2d,
  BatchNorm3d,
  Conv1d,
  Conv2d,
  Conv3d,
  ConvTranspose1d,
  ConvTranspose2d,
  ConvTranspose3d,
  MaxPool1d,
  MaxPool2d,
  MaxPool3d,
} from '../src/index.ts';
import { casesOf, eachCase, expectClose, numbers, toTensor } from './reference.ts';
import type { Case } from './reference.ts';

beforeAll(async () => {
  await init(cpu());
});

type Attrs = Readonly<Record<string, never>>;
const convs = { conv1d: Conv1d, conv2d: Conv2d, conv3d: Conv3d };
const transposed = {
  conv_transpose1d: ConvTranspose1d,
  conv_transpose2d: ConvTranspose2d,
  conv_transpose3d: ConvTranspose3d,
};
const pools = {
  max_pool1d: MaxPool1d,
  max_pool2d: MaxPool2d,
  max_pool3d: MaxPool3d,
  avg_pool1d: AvgPool1d,
  avg_pool2d: AvgPool2d,
  avg_pool3d: AvgPool3d,
};
const has = <T extends object>(of: T, name: string): name is keyof T & string => name in of;

/** PyTorch's settings under our names. */
function settings(attrs: Attrs): Attrs {
  return Object.fromEntries(
    Object.entries(attrs).map(([name, value]) => [
      name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
      value,
    ]),
  );
}

/** The layer of a case; undefined where the case is about something that no layer does. */
function layerOf({ op, attrs, inputs, params }: Case, dtype: DType): Layer | undefined {
  const given = settings(attrs as Attrs);
  const weight = params.weight?.shape ?? inputs.weight?.shape;
  const bias = (params.bias ?? inputs.bias) !== undefined;
  if (has(convs, op) && weight !== undefined) {
    const groups: number = given.groups ?? 1;
    const [out, inner, ...kernel] = weight as [number, number, ...number[]];
    return new convs[op](inner * groups, out, kernel, { ...given, bias, dtype });
  }
  if (has(transposed, op) && weight !== undefined) {
    const groups: number = given.groups ?? 1;
    const [inner, out, ...kernel] = weight as [number, number, ...number[]];
    return new transposed[op](inner, out * groups, kernel, { ...given, bias, dtype });
  }
  if (has(pools, op)) {
    const { kernelSize, returnIndices: _, ...options } = given;
    return new pools[op](kernelSize!, options);
  }
  return undefined;
}

/** Runs a layer and compares its output and all gradients with the case. */
async function compare(layer: Layer, given: Case, dtype: DType): Promise<void> {
  const named = new Map(Object.entries({ ...given.inputs, ...given.params }));
  for (const [name, parameter] of layer.namedParameters()) {
    parameter.value = toTensor(named.get(name)!, dtype);
  }
  const x = toTensor(named.get('x') ?? named.get('input')!, dtype);
  const y = layer.forward(x);
  const { tolerance } = given;
  expectClose(
    (await y.data()) as Float64Array,
    numbers(given.outputs.output!),
    tolerance,
    'output',
  );
  const cotangent = given.cotangents.output;
  if (cotangent === undefined) return;
  const loss = sum(layer.forward(x).mul(toTensor(cotangent, dtype)));
  const parameters = layer.namedParameters();
  const wrt: [string, Tensor][] = [
    [named.has('x') ? 'x' : 'input', x],
    ...[...parameters].map(([name, { value }]): [string, Tensor] => [name, value]),
  ];
  const grads = gradients(
    loss,
    wrt.map(([, tensor]) => tensor),
  );
  for (const [i, [name]] of wrt.entries()) {
    const want = given.grads[name];
    if (want === undefined) continue;
    const got = (await grads[i]!.data()) as Float64Array;
    expectClose(got, numbers(want), tolerance, `gradient of ${name}`);
  }
}

const convolutions = await casesOf('convolution');
const normalisations = await casesOf('normalisation');

describe.each(['float32', 'float64'] as const)('layers follow PyTorch in %s', (dtype) => {
  const cases = convolutions.filter((each) => layerOf(each, dtype) !== undefined);
  it('in enough cases to mean something', () => {
    if (convolutions.length > 0) expect(cases.length).toBeGreaterThan(40);
  });
  eachCase(cases, async (given) => compare(layerOf(given, dtype)!, given, dtype));
});

describe('batch normalisation follows PyTorch', () => {
  const norms = [BatchNorm1d, BatchNorm1d, BatchNorm2d, BatchNorm3d];
  const make = (shape: readonly number[], attrs: Attrs): Layer & Module => {
    const { momentum, eps, affine, trackRunningStats } = settings(attrs);
    return new norms[shape.length - 2]!(shape[1]!, {
      momentum: momentum!,
      eps: eps!,
      ...(affine !== undefined && { affine }),
      ...(trackRunningStats !== undefined && { trackRunningStats }),
    });
  };
  const buffersOf = async (layer: Module, { outputs, tolerance }: Case) => {
    for (const name of ['running_mean', 'running_var']) {
      if (outputs[name] === undefined) continue;
      const got = await layer.namedBuffers().get(name)!.value.data();
      expectClose(got as Float32Array, numbers(outputs[name]), tolerance, name);
    }
  };

  eachCase(
    normalisations.filter(({ op }) => op === 'batch_norm'),
    async (given) => {
      const layer = make(given.inputs.x!.shape, given.attrs as Attrs);
      layer.train(given.attrs.training === true);
      for (const [name, buffer] of layer.namedBuffers()) {
        const value = given.inputs[name];
        if (value !== undefined) buffer.value = toTensor(value, 'float32');
      }
      for (const [name, parameter] of layer.namedParameters()) {
        parameter.value = toTensor(given.params[name]!, 'float32');
      }
      // Once, because each call in training moves the buffers.
      const step = compile((x: Tensor, cotangent: Tensor) => {
        const y = layer.forward(x);
        const values = layer.parameters().map(({ value }) => value);
        return { y, grads: gradients(sum(y.mul(cotangent)), [x, ...values]) };
      });
      const cotangent = given.cotangents.output!;
      const { y, grads } = await step(
        toTensor(given.inputs.x!, 'float32'),
        toTensor(cotangent, 'float32'),
      );
      const { tolerance, outputs } = given;
      expectClose((await y.data()) as Float32Array, numbers(outputs.output!), tolerance, 'output');
      const names = ['x', ...layer.namedParameters().keys()];
      for (const [i, name] of names.entries()) {
        const got = (await grads[i]!.data()) as Float32Array;
        expectClose(got, numbers(given.grads[name]!), tolerance, `gradient of ${name}`);
      }
      await buffersOf(layer, given);
    },
  );

  describe('over several steps', () => {
    eachCase(
      normalisations.filter(({ op }) => op === 'batch_norm_steps'),
      async (given) => {
        const layer = make(given.inputs.x0!.shape, given.attrs as Attrs);
        layer.loadStateDict(
          Object.fromEntries(
            Object.entries(given.params).map(([name, value]) => [name, toTensor(value, 'float32')]),
          ),
          { strict: false },
        );
        const step = compile((x: Tensor) => layer.forward(x));
        const inputs = Object.values(given.inputs).map((value) => toTensor(value, 'float32'));
        let y: Tensor | undefined;
        for (const x of inputs) y = await step(x);
        const { outputs, tolerance } = given;
        expectClose((await y!.data()) as Float32Array, numbers(outputs.output!), tolerance);
        await buffersOf(layer, given);
        const evaluated = await layer.eval().forward(inputs[0]!).data();
        expectClose(evaluated as Float32Array, numbers(outputs.eval_output!), tolerance);
        expect(await layer.namedBuffers().get('num_batches_tracked')!.value.item()).toBe(3);
      },
    );
  });

  it('averages all batches when momentum is null', async () => {
    const layer = new BatchNorm1d(1, { momentum: null });
    for (const value of [1, 3, 8]) await layer.forward(ones([4, 1]).mul(value)).data();
    expect(await layer.runningMean!.value.item()).toBeCloseTo(4, 5);
  });
});

describe('start values', () => {
  it.each([
    [new Conv2d(4, 6, 3), 1 / Math.sqrt(4 * 9)],
    [new Conv2d(4, 6, 3, { groups: 2 }), 1 / Math.sqrt(2 * 9)],
    [new ConvTranspose2d(4, 6, 3), 1 / Math.sqrt(6 * 9)],
    [new Conv1d(500, 2, 2), 1 / Math.sqrt(1000)],
  ])("lie within PyTorch's bound", async (layer, bound) => {
    for (const parameter of layer.parameters()) {
      const values = (await parameter.value.data()) as Float32Array;
      const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      expect(largest).toBeLessThanOrEqual(bound * (1 + 1e-6));
      if (values.length > 100) expect(largest).toBeGreaterThan(0.95 * bound);
    }
  });
});

describe('errors', () => {
  it('name op, path, what was given and what was wanted', () => {
    const model = new Sequential({ encoder: new Sequential(new Conv2d(1, 32, 3)) });
    expect(() => model.forward(zeros([8, 3, 28, 28]))).toThrow(
      'conv2d at encoder.0: input has 3 channels, weight wants 1 (input [8,3,28,28], weight [32,1,3,3])',
    );
    const norm = new Sequential(new BatchNorm2d(3));
    expect(() => norm.forward(zeros([8, 4, 2, 2]))).toThrow(
      'batchNorm at 0: input does not fit (got [8,4,2,2], wanted [N,3,H,W])',
    );
    expect(() => new MaxPool2d(5).forward(zeros([1, 1, 3, 3]))).toThrow(
      'maxPool2d: the kernel does not fit',
    );
  });

  it('come at construction where settings make no sense', () => {
    expect(() => new Conv2d(3, 8, 0)).toThrow('Conv2d: kernelSize does not fit (got [0,0]');
    expect(() => new Conv2d(3, 8, [3, 3, 3])).toThrow('kernelSize does not fit (got [3,3,3]');
    expect(() => new Conv2d(3, 8, 3, { groups: 2 })).toThrow('channels do not divide into groups');
    expect(() => new Conv2d(3, 8, 3, { padding: 'same', stride: 2 })).toThrow(
      "padding 'same' needs stride 1",
    );
    expect(() => new Conv2d(3, 8, 3, { padding: 'full' as 'same' })).toThrow('unknown padding');
    expect(() => new Conv2d(3, 8, 3, { paddingMode: 'mirror' as 'zeros' })).toThrow(
      'unknown paddingMode (got mirror, wanted zeros, reflect, replicate, circular)',
    );
    expect(() => new Conv2d(0, 8, 3)).toThrow('inChannels is a positive whole number');
    expect(() => new MaxPool2d(2, { stride: 0 })).toThrow('MaxPool2d: stride does not fit');
    expect(() => new BatchNorm2d(3, { momentum: 2 })).toThrow('momentum is between 0 and 1');
    expect(() => new BatchNorm2d(3, { eps: -1 })).toThrow('eps is at least 0');
  });
});

it('prints its settings', () => {
  expect(String(new Conv2d(3, 8, [3, 5], { padding: 1, groups: 1, bias: false }))).toBe(
    'Conv2d(3, 8, kernelSize=3x5, padding=1, bias=false)',
  );
  expect(String(new MaxPool2d(2, { stride: 1 }))).toBe('MaxPool2d(kernelSize=2, stride=1)');
});

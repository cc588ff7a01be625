import type { Tensor } from '@hebb/core';
import { cpu } from '@hebb/backend-cpu';
import { testLayer } from '@hebb/conformance';
import * as nn from '../src/index.ts';
import type { Layer } from '../src/index.ts';

const backend = () => cpu();

testLayer('Linear', () => new nn.Linear(4, 3), {
  input: [2, 5, 4],
  output: [2, 5, 3],
  parameters: { weight: [3, 4], bias: [3] },
  backend,
});
testLayer('Linear without bias', () => new nn.Linear(4, 3, { bias: false }), {
  input: [4],
  output: [3],
  parameters: { weight: [3, 4] },
  backend,
});
testLayer('Dropout', () => new nn.Dropout(0.4), { input: [6, 5], output: [6, 5], backend });
testLayer('Dropout2d', () => new nn.Dropout2d(0.4), {
  input: [3, 4, 2, 2],
  output: [3, 4, 2, 2],
  backend,
});

class Residual extends nn.Module {
  readonly body = new nn.Sequential(new nn.Linear(3, 3), new nn.Tanh());
  forward(x: Tensor): Tensor {
    return x.add(this.body.forward(x));
  }
}
testLayer(
  'a model',
  () => new nn.Sequential({ first: new Residual(), last: new nn.Linear(3, 2) }),
  {
    input: [4, 3],
    output: [4, 2],
    parameters: {
      'first.body.0.weight': [3, 3],
      'first.body.0.bias': [3],
      'last.weight': [2, 3],
      'last.bias': [2],
    },
    backend,
  },
);

/** Smooth, or drawn from where they are: kinks are the business of the ops' own tests. */
const activations: Readonly<Record<string, () => Layer>> = {
  PReLU: () => new nn.PReLU(3),
  GELU: () => new nn.GELU(),
  SiLU: () => new nn.SiLU(),
  Mish: () => new nn.Mish(),
  Sigmoid: () => new nn.Sigmoid(),
  Tanh: () => new nn.Tanh(),
  Softplus: () => new nn.Softplus(),
  Softmax: () => new nn.Softmax(1),
  LogSoftmax: () => new nn.LogSoftmax(1),
  Softsign: () => new nn.Softsign(),
  LogSigmoid: () => new nn.LogSigmoid(),
};
for (const [name, make] of Object.entries(activations)) {
  testLayer(name, make, { input: [2, 3], output: [2, 3], backend });
}
testLayer('GLU', () => new nn.GLU(1), { input: [2, 6], output: [2, 3], backend });
testLayer('Flatten', () => new nn.Flatten(), { input: [2, 3, 2], output: [2, 6], backend });
testLayer('Unflatten', () => new nn.Unflatten(1, [2, -1]), {
  input: [2, 6],
  output: [2, 2, 3],
  backend,
});
testLayer('CrossEntropyLoss', () => new nn.CrossEntropyLoss({ labelSmoothing: 0.1 }), {
  inputs: [[4, 3], { shape: [4], dtype: 'int32', values: [0, 2, 1, 2] }],
  output: [],
  backend,
});
testLayer('MSELoss', () => new nn.MSELoss(), {
  inputs: [
    [4, 3],
    [4, 3],
  ],
  output: [],
  backend,
});

import { cpu } from '@hebb/backend-cpu';
import { testLayer } from '@hebb/conformance';
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

const backend = () => cpu();

testLayer('Conv1d', () => new Conv1d(3, 4, 2), {
  input: [2, 3, 5],
  output: [2, 4, 4],
  parameters: { weight: [4, 3, 2], bias: [4] },
  backend,
});
testLayer(
  'Conv2d with every option',
  () => new Conv2d(4, 6, [3, 2], { stride: [2, 1], padding: 1, dilation: [1, 2], groups: 2 }),
  {
    input: [2, 4, 5, 6],
    output: [2, 6, 3, 6],
    parameters: { weight: [6, 2, 3, 2], bias: [6] },
    backend,
  },
);
testLayer('Conv2d, circular', () => new Conv2d(1, 2, 3, { padding: 1, paddingMode: 'circular' }), {
  input: [1, 1, 4, 3],
  output: [1, 2, 4, 3],
  backend,
});
testLayer('Conv3d without bias', () => new Conv3d(1, 2, 2, { bias: false }), {
  input: [1, 1, 3, 3, 2],
  output: [1, 2, 2, 2, 1],
  parameters: { weight: [2, 1, 2, 2, 2] },
  backend,
});
testLayer('ConvTranspose1d', () => new ConvTranspose1d(2, 3, 3, { stride: 2 }), {
  input: [1, 2, 4],
  output: [1, 3, 9],
  parameters: { weight: [2, 3, 3], bias: [3] },
  backend,
});
testLayer(
  'ConvTranspose2d',
  () => new ConvTranspose2d(4, 2, 3, { stride: 2, padding: 1, outputPadding: 1, groups: 2 }),
  {
    input: [1, 4, 3, 2],
    output: [1, 2, 6, 4],
    parameters: { weight: [4, 1, 3, 3], bias: [2] },
    backend,
  },
);
testLayer('ConvTranspose3d', () => new ConvTranspose3d(1, 2, 2), {
  input: [1, 1, 2, 2, 1],
  output: [1, 2, 3, 3, 2],
  backend,
});

testLayer('MaxPool1d', () => new MaxPool1d(2), { input: [2, 3, 6], output: [2, 3, 3], backend });
testLayer('MaxPool2d', () => new MaxPool2d(3, { stride: 2, padding: 1 }), {
  input: [2, 2, 5, 6],
  output: [2, 2, 3, 3],
  backend,
});
testLayer('MaxPool3d', () => new MaxPool3d(2, { ceilMode: true }), {
  input: [1, 1, 3, 2, 2],
  output: [1, 1, 2, 1, 1],
  backend,
});
testLayer('AvgPool1d', () => new AvgPool1d(3, { padding: 1 }), {
  input: [1, 2, 6],
  output: [1, 2, 2],
  backend,
});
testLayer('AvgPool2d', () => new AvgPool2d(2, { countIncludePad: false, padding: 1 }), {
  input: [1, 2, 4, 4],
  output: [1, 2, 3, 3],
  backend,
});
testLayer('AvgPool3d', () => new AvgPool3d(2), {
  input: [1, 1, 2, 4, 2],
  output: [1, 1, 1, 2, 1],
  backend,
});

testLayer('BatchNorm1d', () => new BatchNorm1d(3), {
  input: [5, 3],
  output: [5, 3],
  parameters: { weight: [3], bias: [3] },
  backend,
});
testLayer('BatchNorm2d', () => new BatchNorm2d(2, { momentum: null }), {
  input: [3, 2, 2, 3],
  output: [3, 2, 2, 3],
  backend,
});
testLayer(
  'BatchNorm3d without parameters and statistics',
  () => new BatchNorm3d(2, { affine: false, trackRunningStats: false }),
  { input: [2, 2, 2, 1, 2], output: [2, 2, 2, 1, 2], parameters: {}, backend },
);

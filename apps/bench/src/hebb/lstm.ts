/** The recurrent layer as one named op, so that ONNX export writes it as the operator LSTM. */
import { composite, scan, tanh, zeros } from '@hebb/core';
import type { OnnxEmitter, Tensor } from '@hebb/core';
import { linear, sigmoid } from '@hebb/ops';

/**
 * Hochreiter and Schmidhuber 1997, gates in PyTorch's order: input, forget, cell, output. Shape:
 * x [B, T, I], weights [4 H, I] and [4 H, H], biases [4 H] -> [B, T, H].
 */
export const lstm = composite('lstm', {
  body: (
    x: Tensor,
    weightInput: Tensor,
    weightHidden: Tensor,
    biasInput: Tensor,
    biasHidden: Tensor,
  ): Tensor => {
    const batch = x.shape[0]!;
    const size = weightHidden.shape[1]!;
    // The part of the gates that depends on the input, for all steps in one product.
    const given = linear(x, weightInput, biasInput.add(biasHidden)).permute([1, 0, 2]);
    const start = zeros([batch, size], x.dtype);
    const [, [states]] = scan(
      ([h, c], [now]) => {
        const gates = now!.add(linear(h!, weightHidden));
        const gate = (i: number) => gates.narrow(1, i * size, size);
        const cell = sigmoid(gate(1))
          .mul(c!)
          .add(sigmoid(gate(0)).mul(tanh(gate(2))));
        const hidden = sigmoid(gate(3)).mul(tanh(cell));
        return [[hidden, cell], [hidden]];
      },
      [start, start],
      [given],
    );
    return states!.permute([1, 0, 2]);
  },
  onnx: { op: 'LSTM', since: 14, emit: writeLstm },
  samples: [{ in: [[2, 3, 4], [20, 4], [20, 5], [20], [20]] }],
});

/** ONNX orders the gates input, output, forget, cell and stacks both biases. */
function writeLstm(onnx: OnnxEmitter): string[] {
  const [x, weightInput, weightHidden, biasInput, biasHidden] = onnx.inputs as [
    string,
    string,
    string,
    string,
    string,
  ];
  const size = onnx.inputAvals[2]!.shape[1]!;
  const one = (op: string, inputs: string[], attrs = {}) => onnx.node(op, inputs, attrs)[0]!;
  const reorder = (weights: string): string => {
    const sizes = onnx.int64([size, size, size, size]);
    const [i, f, c, o] = onnx.node('Split', [weights, sizes], { axis: 0 }, 4);
    return one('Concat', [i!, o!, f!, c!], { axis: 0 });
  };
  const directions = (value: string): string => one('Unsqueeze', [value, onnx.int64([0])]);
  const biases = one('Concat', [reorder(biasInput), reorder(biasHidden)], { axis: 0 });
  const sequence = one('Transpose', [x], { perm: [1, 0, 2] });
  const states = one(
    'LSTM',
    [
      sequence,
      directions(reorder(weightInput)),
      directions(reorder(weightHidden)),
      directions(biases),
    ],
    { hidden_size: size },
  );
  const batchFirst = one('Transpose', [one('Squeeze', [states, onnx.int64([1])])], {
    perm: [1, 0, 2],
  });
  return [batchFirst];
}

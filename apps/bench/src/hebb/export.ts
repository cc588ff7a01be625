/** A case as an ONNX file, for the contenders that run those. */
import { cpu } from '@hebb/backend-cpu';
import { withBackend } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { toOnnx } from '@hebb/onnx';
import type { InputSpec } from '@hebb/onnx';
import type { ForwardCase } from '../cases/case.ts';
import type { Work } from '../cases/work.ts';
import { dtypeOf, fromHost } from './forward.ts';
import { HebbLayers } from './layers.ts';

/** The first opset with Gelu. */
const opset = 20;

export async function exportCase(work: Work<ForwardCase>): Promise<Uint8Array> {
  const parameters = new Map([...work.parameters].map(([name, p]) => [name, fromHost(p)]));
  const layers = new HebbLayers((name) => parameters.get(name)!);
  const input: Record<string, InputSpec> = {};
  for (const [name, host] of work.inputs) {
    input[name] = { shape: host.shape, dtype: dtypeOf(host) };
  }
  const model = (...inputs: Tensor[]) => work.case.forward(layers, inputs);
  return withBackend(cpu(), () =>
    toOnnx(model, { input, output: 'output', name: work.case.name, opset }),
  );
}

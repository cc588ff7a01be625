/** Models for those who have no file at hand, exported as any model is. */
import { toOnnx } from '@hebb/onnx';
import { DigitNet } from '../../digits/net.ts';
import { decodeTensors } from '@hebb/train';
import { unpackModel } from '../gpt/packed.ts';
import type { GivenFile } from './opened.ts';

export type ExampleName = 'digits' | 'gpt';

/** `address` is where the weights lie. */
export async function example(name: ExampleName, address: string): Promise<GivenFile> {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`The example could not be fetched (${answer.status}).`);
  const bytes = new Uint8Array(await answer.arrayBuffer());
  if (name === 'digits') {
    const model = new DigitNet('cnn');
    model.loadStateDict(decodeTensors(bytes));
    model.eval();
    const made = await toOnnx(model, {
      input: { image: ['batch', 1, 28, 28] },
      output: ['scores'],
    });
    return { name: 'digits.onnx', bytes: made };
  }
  const { model } = unpackModel(bytes);
  model.eval();
  const made = await toOnnx(model, {
    input: { ids: { shape: [1, 'time'], dtype: 'int32' } },
    output: ['logits'],
    opset: 23,
  });
  return { name: 'gpt.onnx', bytes: made };
}

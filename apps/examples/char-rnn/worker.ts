/**
 * The edge worker's entry: `POST /write` with `{ "prompt", "length", "temperature", "seed" }` answers with
 * text that comes while it is written. The compiled step keeps its state between calls; each answer puts
 * its own back before it goes on, so that several can be written at once.
 */
import type { Model } from '@hebb/runtime';
import type { WorkerEntry } from '../common/service.ts';
import { BadRequest, answerAt } from '../common/worker.ts';
import type { JsonFields } from '../common/worker.ts';
import { vocabularyOf, write } from './write.ts';
import type { Stepper, WriteOptions } from './write.ts';

export interface WorkerData {
  /** The vocabulary. */
  readonly tokens: readonly string[];
}

const mostCharacters = 10_000;
/** Characters that are sent together. */
const together = 16;

/** The compiled step as one stream of its own. */
export function modelStepper(model: Model): Stepper {
  let state: ReturnType<Model['state']> | undefined;
  const start = Object.fromEntries(
    model.plan.state.map(({ name, dtype, shape }) => [
      name,
      { dtype, shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) },
    ]),
  );
  return (id) => {
    model.loadState(state ?? start);
    const { logits } = model.run({ id: Int32Array.of(id) });
    state = model.state();
    return logits!.data as Float32Array;
  };
}

interface WriteRequest extends WriteOptions {
  readonly prompt: string;
}

function read(fields: JsonFields): WriteRequest {
  const { prompt = '', length = 200, temperature = 0.8, seed = 0 } = fields;
  if (typeof prompt !== 'string') throw new BadRequest('prompt is a text');
  const whole = (name: string, value: unknown, most: number): number => {
    if (Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= most) {
      return Number(value);
    }
    throw new BadRequest(`${name} is a whole number from 0 to ${most}`);
  };
  if (typeof temperature !== 'number' || !(temperature >= 0 && temperature < Infinity)) {
    throw new BadRequest('temperature is a number of at least 0');
  }
  return {
    prompt,
    temperature,
    length: whole('length', length, mostCharacters),
    seed: whole('seed', seed, Number.MAX_SAFE_INTEGER),
  };
}

export const worker: WorkerEntry<'step', WorkerData> = ({ step }, { tokens }) => {
  const vocabulary = vocabularyOf(tokens);
  return answerAt('/write', (fields) => {
    const { prompt, ...options } = read(fields);
    const unknown = [...prompt].find((character) => !tokens.includes(character));
    if (unknown !== undefined) {
      throw new BadRequest(`the model knows no ${JSON.stringify(unknown)}`);
    }
    const text = write(modelStepper(step), vocabulary, prompt, options);
    return new Response(streamOf(text), {
      headers: {
        'content-type': 'text/plain; charset=utf-8',
        // What is compressed on the way is held back until it is worth a block.
        'content-encoding': 'identity',
      },
    });
  });
};

/** Text as bytes, a few characters at a time, written as fast as the reader takes them. */
function streamOf(text: AsyncIterable<string>): ReadableStream<Uint8Array> {
  const characters = text[Symbol.asyncIterator]();
  const encoder = new TextEncoder();
  return new ReadableStream({
    async pull(controller) {
      let chunk = '';
      let done: boolean | undefined = false;
      for (let k = 0; k < together && done !== true; k++) {
        const next = await characters.next();
        done = next.done;
        if (next.done !== true) chunk += next.value;
      }
      if (chunk !== '') controller.enqueue(encoder.encode(chunk));
      // Chunks are sent, and other requests answered, when the event loop comes around.
      await new Promise((resolve) => setTimeout(resolve, 0));
      if (done === true) controller.close();
    },
    async cancel() {
      await characters.return?.();
    },
  });
}

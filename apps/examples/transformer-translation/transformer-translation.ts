/** Captions from English to German by a transformer, on the data of the recurrent translator. */
import { join } from 'node:path';
import { compileFunctions, writeCompiled } from '@hebb/cli';
import { sizeOf, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import type { TextPair } from '@hebb/data/node';
import { SourceTextGenerator, generationFunctions } from '@hebb/layers-transformer';
import { perplexity } from '@hebb/ops';
import type { Example, Run } from '../common/example.ts';
import { integer } from '../common/options.ts';
import { withService } from '../common/service.ts';
import { exportChecked } from '../common/ship.ts';
import { trainOnce, trained } from '../common/weights.ts';
import { wordByWord } from '../parallel-text/baselines.ts';
import { encodePair, end, start } from '../parallel-text/batches.ts';
import { multi30k } from '../parallel-text/corpus.ts';
import { bleuOf } from '../parallel-text/score.ts';
import { learnTokenizer, openTokenizer } from '../parallel-text/tokens.ts';
import type { SavedTokenizer } from '../parallel-text/tokens.ts';
import { CaptionTransformer } from './model.ts';
import { heldOutLoss, train, translate } from './train.ts';
import type { WorkerData } from './worker.ts';

const plans = {
  full: {
    pairs: Infinity,
    longest: 56,
    held: Infinity,
    pieces: 4000,
    size: { width: 128, heads: 4, layers: 3, dropout: 0.15 },
    epochs: 8,
    batchSize: 64,
    lr: 1.5e-3,
    warmUp: 500,
  },
  quick: {
    pairs: 4000,
    longest: 16,
    held: 96,
    pieces: 700,
    size: { width: 48, heads: 4, layers: 1, dropout: 0 },
    epochs: 5,
    batchSize: 32,
    lr: 5e-3,
    warmUp: 80,
  },
} as const;

interface Saved {
  readonly from: SavedTokenizer;
  readonly to: SavedTokenizer;
}

interface Completion {
  readonly choices: readonly { readonly text: string }[];
}

/** The model compiled to an encoder and a step of the decoder, asked over HTTP as OpenAI's models are. */
async function askWorker(
  run: Run,
  model: CaptionTransformer,
  texts: readonly string[],
  { from, to }: Saved,
): Promise<void> {
  const folder = join(run.out, 'worker');
  const capacity = 64;
  const spec = generationFunctions(model, { name: 'translation', capacity, prompts: [16, 56] });
  const built = await compileFunctions(spec, { simd: ['relaxed'] });
  const files = await writeCompiled(built, 'worker', folder);
  const size = files.get('model.wasm')!.byteLength;
  const data: WorkerData = { from, to };
  const entry = new URL('./worker.ts', import.meta.url);
  const service = { name: 'transformer-translation', entry, models: { model: folder }, data };
  await withService(run, service, async ({ url }) => {
    const [read, write] = [openTokenizer(from), openTokenizer(to)];
    const generator = new SourceTextGenerator(model, { capacity, sourceCapacity: 56 });
    const sampling = [
      { temperature: 0, seed: 0 },
      { temperature: 0.7, seed: 5 },
    ];
    let [agree, asked, seconds] = [0, 0, 0];
    for (const text of texts) {
      for (const how of sampling) {
        const options = { ...how, maxNewTokens: 40, endTokens: [end] };
        const here = write.decode(
          await generator.generate([...Array.from(read.encode(text)), end], options),
        );
        const started = performance.now();
        const response = await fetch(`${url}/v1/completions`, {
          method: 'POST',
          body: JSON.stringify({ model: 'translation', prompt: text, max_tokens: 40, ...how }),
        });
        const { choices } = (await response.json()) as Completion;
        seconds += (performance.now() - started) / 1000;
        asked += 1;
        if (choices[0]?.text === here) agree += 1;
      }
    }
    generator.dispose();
    run.note(
      'edge worker',
      `encoder and decoder in ${(size / 1024).toFixed(0)} KiB of code, ${agree} of ${asked} translations are ` +
        `Node's, ${(1000 * (seconds / asked)).toFixed(0)} ms each`,
    );
    run.check(agree === asked, 'the worker translates otherwise than Node');
  });
}

const int32 = (...shape: (number | string)[]) => ({ shape, dtype: 'int32' }) as const;

export const transformerTranslation: Example = {
  name: 'transformer-translation',
  summary: 'Translates captions from English to German by a transformer',
  options: {
    epochs: { type: 'string', help: 'passes over the pairs (default 8; 5 with --quick)' },
    ...trained,
  },
  async run(run) {
    const { quick, seed, own } = run.options;
    const plan = plans[quick ? 'quick' : 'full'];
    const epochs = own['epochs'] === undefined ? plan.epochs : integer('epochs', own['epochs'], 1);
    const corpus = await multi30k();
    const learned = (side: 'source' | 'target'): SavedTokenizer =>
      learnTokenizer(
        corpus.train.map((pair) => pair[side]),
        plan.pieces,
      );
    const saved = { from: learned('source'), to: learned('target') };
    const [from, to] = [openTokenizer(saved.from), openTokenizer(saved.to)];
    const short = ({ source, target }: TextPair): boolean =>
      from.encode(source).length < plan.longest && to.encode(target).length < plan.longest;
    const chosen = corpus.train.filter(short).slice(0, plan.pairs);
    const held = corpus.validation.filter((pair) => !quick || short(pair)).slice(0, plan.held);
    const model = new CaptionTransformer({
      ...plan.size,
      sourceWords: from.size,
      targetWords: to.size,
      longest: 80,
    });
    const parameters = model.parameters().reduce((sum, { shape }) => sum + sizeOf(shape), 0);
    run.say(`${chosen.length} pairs, ${held.length} held out, ${parameters} parameters`);
    const encoded = (pairs: readonly TextPair[]) => pairs.map((pair) => encodePair(pair, from, to));
    const validation = encoded(held);
    await trainOnce(run, model, () =>
      train(model, encoded(chosen), { ...plan, epochs, seed, validation, log: run.say }),
    );
    model.eval();
    const loss = await heldOutLoss(model, validation);
    run.measure({ what: 'held-out perplexity of a piece of a word', value: perplexity(loss) });

    const texts = held.map(({ source }) => source);
    const dictionary = texts.map(wordByWord(corpus.train.slice(0, quick ? 4000 : Infinity)));
    const started = performance.now();
    const greedy = await translate(model, texts, from, to, quick ? 20 : 56);
    const speed = texts.length / ((performance.now() - started) / 1000);
    const least = bleuOf(dictionary, held);
    run.measure({ what: 'word by word, BLEU', value: least });
    run.measure({
      what: 'greedy, BLEU',
      value: bleuOf(greedy, held),
      // By a wide margin; the quick run is a start.
      atLeast: quick ? least / 2 : 2 * least,
    });
    run.note('translating in Node', `${speed.toFixed(0)} sentences a second, 32 together`);
    run.say();
    for (const i of [0, 1, 2, 3].filter((k) => k < held.length)) {
      run.say(`  ${held[i]!.source}`);
      run.say(`    wanted        ${held[i]!.target}`);
      run.say(`    word by word  ${dictionary[i]}`);
      run.say(`    transformer   ${greedy[i]}`);
    }
    const cases = held.slice(0, 2).map(({ source, target }) => {
      const ids = Int32Array.from([...Array.from(from.encode(source)), end]);
      const inputs = Int32Array.from([start, ...Array.from(to.encode(target))]);
      return {
        source: tensor(ids, { shape: [1, ids.length] }),
        lengths: tensor(Int32Array.of(ids.length)),
        inputs: tensor(inputs, { shape: [1, inputs.length] }),
      };
    });
    await exportChecked(run, {
      name: 'transformer-translation',
      model: (source: Tensor, lengths: Tensor, inputs: Tensor) =>
        model.forward(source, lengths, inputs),
      input: { source: int32(1, 'read'), lengths: int32(1), inputs: int32(1, 'said') },
      output: ['logits'],
      cases,
      opset: 23,
      atol: 1e-4,
    });
    await askWorker(run, model, texts.slice(0, 4), saved);
  },
};

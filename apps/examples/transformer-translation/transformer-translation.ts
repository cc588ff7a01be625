/** Captions from English to German by a transformer, on the data of the recurrent translator. */
import { sizeOf, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import type { TextPair } from '@hebb/data/node';
import { perplexity } from '@hebb/ops';
import type { Example } from '../common/example.ts';
import { integer } from '../common/options.ts';
import { exportChecked } from '../common/ship.ts';
import { trainOnce, trained } from '../common/weights.ts';
import { wordByWord } from '../parallel-text/baselines.ts';
import { encodePair, end, start } from '../parallel-text/batches.ts';
import type { Tokenizer } from '../parallel-text/batches.ts';
import { multi30k } from '../parallel-text/corpus.ts';
import { bleuOf } from '../parallel-text/score.ts';
import { learnTokenizer, openTokenizer } from '../parallel-text/tokens.ts';
import { CaptionTransformer } from './model.ts';
import { heldOutLoss, train, translate } from './train.ts';

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
    const learned = (side: 'source' | 'target'): Tokenizer =>
      openTokenizer(
        learnTokenizer(
          corpus.train.map((pair) => pair[side]),
          plan.pieces,
        ),
      );
    const [from, to] = [learned('source'), learned('target')];
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
  },
};

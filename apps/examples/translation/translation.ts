/** Captions from English to German by an encoder-decoder with attention. */
import { tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import type { TextPair } from '@hebb/data/node';
import { lengthMask, perplexity } from '@hebb/ops';
import { UsageError, integer } from '../common/options.ts';
import type { Example, Run } from '../common/example.ts';
import { withService } from '../common/service.ts';
import { ship } from '../common/ship.ts';
import { trainOnce, trained } from '../common/weights.ts';
import { copy, wordByWord } from '../parallel-text/baselines.ts';
import { encodePair, end, start, widths } from '../parallel-text/batches.ts';
import type { Tokenizer } from '../parallel-text/batches.ts';
import { multi30k } from '../parallel-text/corpus.ts';
import { bleuOf } from '../parallel-text/score.ts';
import { learnTokenizer, openTokenizer } from '../parallel-text/tokens.ts';
import type { SavedTokenizer } from '../parallel-text/tokens.ts';
import { Translator } from './model.ts';
import { train, validator } from './train.ts';
import { Engine, maxLength } from './translate.ts';
import type { WorkerData } from './worker.ts';

const plans = {
  full: {
    pairs: Infinity,
    longest: widths.at(-1)!,
    held: Infinity,
    pieces: 4000,
    size: { embedding: 256, hidden: 256, dropout: 0.3 },
    epochs: 7,
    batchSize: 64,
    lr: 3e-3,
    /** From this epoch on, counted from 0, the decoder is fed some of its own words. */
    ownFrom: 5,
  },
  quick: {
    pairs: 4000,
    longest: 16,
    held: 100,
    pieces: 700,
    size: { embedding: 48, hidden: 64, dropout: 0 },
    epochs: 4,
    batchSize: 32,
    lr: 8e-3,
    ownFrom: 3,
  },
} as const;

/** Share of its own words that the decoder is fed then. */
const ownWords = 0.2;
const beam = { beams: 4, lengthPenalty: 1 } as const;
/** What the exported halves are compiled for. */
const compiledWidths = [16, 28, 56] as const;

interface Trained {
  readonly model: Translator;
  readonly engine: Engine;
  readonly from: SavedTokenizer;
  readonly to: SavedTokenizer;
}

const int32 = (shape: readonly (number | string)[]) => ({ shape, dtype: 'int32' }) as const;

/** The model as two functions with named inputs: what is exported, and what the worker's loop runs. */
export function halvesOf({ encoder, decoder }: Translator) {
  const { hiddenSize: hidden } = decoder.rnn;
  return {
    encoder: {
      model: (source: Tensor, length: Tensor): Tensor[] => {
        const [values, state] = encoder.forward(source, length);
        return [values, decoder.remember(values, length).keys, state];
      },
      input: { source: int32([1, 'steps']), length: int32([1]) },
      output: ['values', 'keys', 'state'],
    },
    decoder: {
      model: (
        token: Tensor,
        state: Tensor,
        values: Tensor,
        keys: Tensor,
        length: Tensor,
      ): Tensor[] =>
        decoder.step(token, state, { values, keys, mask: lengthMask(length, values.shape[1]!) }),
      input: {
        token: int32([1]),
        state: [1, hidden],
        values: [1, 'steps', hidden],
        keys: [1, 'steps', hidden],
        length: int32([1]),
      },
      output: ['logits', 'next'],
    },
  } as const;
}

async function shipHalves(run: Run, { model, ...saved }: Trained, held: readonly TextPair[]) {
  const { encoder, decoder } = halvesOf(model);
  const from = openTokenizer(saved.from);
  const cases = held.slice(0, 3).map(({ source }) => {
    const ids = [...Array.from(from.encode(source)), end];
    const width = compiledWidths.find((each) => each >= ids.length)!;
    const row = new Int32Array(width);
    row.set(ids);
    return {
      source: tensor(row, { shape: [1, width] }),
      length: tensor(Int32Array.of(ids.length)),
    };
  });
  // The loop over steps is the example's own entry's: the halves alone are not asked.
  const quiet: Run = { ...run, options: { ...run.options, worker: false } };
  const common = {
    several: true,
    shapes: compiledWidths.map((steps) => ({ steps })),
    atol: 1e-4,
  } as const;
  const first = await ship(quiet, { ...common, ...encoder, name: 'encoder', cases });
  const second = await ship(quiet, {
    ...common,
    ...decoder,
    name: 'decoder',
    cases: cases.map(({ source, length }) => {
      const [values, keys, state] = encoder.model(source, length) as [Tensor, Tensor, Tensor];
      return { token: tensor(Int32Array.of(start)), state, values, keys, length };
    }),
  });
  return { encoder: first.folder, decoder: second.folder };
}

async function askWorker(
  run: Run,
  { engine, from, to }: Trained,
  models: Readonly<Record<'encoder' | 'decoder', string>>,
  held: readonly TextPair[],
): Promise<void> {
  const data: WorkerData = { from, to, widths: compiledWidths, maxLength };
  const entry = new URL('./worker.ts', import.meta.url);
  await withService(run, { name: 'translation', entry, models, data }, async ({ url }) => {
    let agree = 0;
    const times: number[] = [];
    const asked = held.slice(0, run.options.quick ? 10 : 50);
    const here = await engine.greedy(asked.map(({ source }) => source));
    for (const [i, { source }] of asked.entries()) {
      const started = performance.now();
      const response = await fetch(`${url}/translate`, {
        method: 'POST',
        body: JSON.stringify({ text: source }),
        signal: AbortSignal.timeout(30_000),
      });
      if (!response.ok) throw new Error(`the worker answered ${response.status}`);
      const { translation: there } = (await response.json()) as { translation: string };
      times.push(performance.now() - started);
      if (there === here[i]) agree += 1;
    }
    times.sort((a, b) => a - b);
    run.note(
      'edge worker',
      `${agree} of ${asked.length} sentences are translated as in Node, ${times[times.length >> 1]!.toFixed(1)} ms each`,
    );
    run.check(agree === asked.length, 'the worker and Node translate differently');
  });
}

export const translation: Example = {
  name: 'translation',
  summary: 'Translates captions from English to German by recurrent networks with attention',
  options: {
    epochs: { type: 'string', help: 'passes over the pairs (default 7; 4 with --quick)' },
    ...trained,
    text: { type: 'string', help: 'a sentence of your own to translate as well' },
  },
  async run(run) {
    const { quick, seed, own } = run.options;
    const plan = plans[quick ? 'quick' : 'full'];
    const epochs = own['epochs'] === undefined ? plan.epochs : integer('epochs', own['epochs'], 1);
    const { text } = own;
    if (typeof text === 'string' && text.trim() === '') throw new UsageError('--text is empty');
    const corpus = await multi30k();
    const fits = (tokenizer: Tokenizer, line: string): boolean =>
      tokenizer.encode(line).length < plan.longest;
    const from = learnTokenizer(
      corpus.train.map(({ source }) => source),
      plan.pieces,
    );
    const to = learnTokenizer(
      corpus.train.map(({ target }) => target),
      plan.pieces,
    );
    const [source, target] = [openTokenizer(from), openTokenizer(to)];
    const short = (pair: TextPair): boolean =>
      fits(source, pair.source) && fits(target, pair.target);
    const chosen = corpus.train.filter(short).slice(0, plan.pairs);
    const held = corpus.validation.filter((pair) => !quick || short(pair)).slice(0, plan.held);
    const model = new Translator({
      ...plan.size,
      sourceWords: source.size,
      targetWords: target.size,
    });
    const parameters = model.parameters().reduce((sum, p) => sum + p.value.size, 0);
    run.say(`${chosen.length} pairs, ${held.length} held out, ${parameters} parameters`);
    const encoded = (pairs: readonly TextPair[]) =>
      pairs.map((pair) => encodePair(pair, source, target));
    const validation = encoded(held);
    await trainOnce(run, model, () =>
      train(model, encoded(chosen), {
        epochs,
        batchSize: plan.batchSize,
        lr: plan.lr,
        labelSmoothing: 0.1,
        own: (epoch) => (epoch < plan.ownFrom ? 0 : ownWords),
        seed,
        validation,
        log: run.say,
      }),
    );
    model.eval();
    const judge = validator(model);
    const meanLoss = await judge.meanLoss(validation);
    judge.dispose();
    run.measure({ what: 'held-out perplexity of a piece of a word', value: perplexity(meanLoss) });

    const engine = new Engine(model, source, target);
    const texts = held.map((pair) => pair.source);
    const dictionary = wordByWord(corpus.train.slice(0, quick ? 4000 : Infinity));
    const simple = { copy: texts.map(copy), 'word by word': texts.map(dictionary) };
    const started = performance.now();
    const greedy = await engine.greedy(texts);
    const speed = texts.length / ((performance.now() - started) / 1000);
    const beams: string[] = [];
    for (const each of texts) beams.push(await engine.beam(each, beam));
    for (const [name, translations] of Object.entries(simple)) {
      run.measure({ what: `${name}, BLEU`, value: bleuOf(translations, held) });
    }
    const dictionaryBleu = bleuOf(simple['word by word'], held);
    // By a wide margin; the quick run is a start.
    const least = { atLeast: quick ? dictionaryBleu : 2 * dictionaryBleu };
    run.measure({ what: 'greedy, BLEU', value: bleuOf(greedy, held), ...least });
    run.measure({ what: `beam of ${beam.beams}, BLEU`, value: bleuOf(beams, held), ...least });
    run.note('translating in Node', `${speed.toFixed(0)} sentences a second, 64 together`);

    run.say();
    for (const i of [0, 1, 2, 3, 7, 11].filter((k) => k < held.length)) {
      run.say(`  ${held[i]!.source}`);
      run.say(`    wanted        ${held[i]!.target}`);
      run.say(`    word by word  ${simple['word by word'][i]}`);
      run.say(`    greedy        ${greedy[i]}`);
      run.say(`    beam          ${beams[i]}`);
    }
    if (typeof text === 'string')
      run.say(`  ${text}\n    beam          ${await engine.beam(text, beam)}`);

    const all = { model, engine, from, to };
    const models = await shipHalves(run, all, held);
    await askWorker(run, all, models, held);
  },
};

/** Token by token, until a stop, the limit, or nobody listens any more. */
import { HebbError } from '@hebb/core';
import { StopTexts, sampleToken, seededUniform } from '@hebb/ops';
import { badInput } from '../error.ts';
import { nextTask } from './adapters.ts';
import type { TextDecoding, TextModel, TextTokenizer } from './model.ts';

export interface GenerateSettings {
  readonly maxTokens: number;
  readonly temperature: number;
  readonly topP: number;
  /** 0 for all. */
  readonly topK: number;
  readonly minP: number;
  readonly repetitionPenalty: number;
  readonly stop: readonly string[];
  readonly seed: number;
  /** Taken off a token's logit for each time that it was said, and once when it was said at all. */
  readonly frequencyPenalty: number;
  readonly presencePenalty: number;
  readonly signal: AbortSignal;
}

export interface Finished {
  readonly reason: 'stop' | 'length';
  /** Tokens generated, the one that ended the text included. */
  readonly tokens: number;
}

/** Tokens between pauses: by number, since production workers stop their clock while they compute. */
const breath = 8;

/** The prompt's tokens. @throws RequestError 400 for what the tokenizer or the context does not take. */
export function encodePrompt(model: TextModel, text: string): number[] {
  let encoded: ReturnType<TextTokenizer['encode']>;
  try {
    encoded = model.tokenizer.encode(text);
  } catch (error) {
    // Characters that the model does not know are the sender's.
    if (error instanceof HebbError || error instanceof RangeError) throw badInput(error.message);
    throw error;
  }
  return Array.from('ids' in encoded ? encoded.ids : encoded);
}

/** Refuses prompts that are empty, too long, or no tokens; what an empty one begins with in its place. */
export function checkPrompt(model: TextModel, ids: readonly number[]): readonly number[] {
  const { contextLength = Infinity, promptLength = Infinity, vocabSize = Infinity } = model;
  const prompt = ids.length === 0 ? (model.startTokens ?? []) : ids;
  if (prompt.length === 0) throw badInput('the prompt is empty');
  const most = Math.min(promptLength, model.textStart === undefined ? contextLength - 1 : Infinity);
  if (prompt.length > most) {
    throw badInput(`the prompt has ${prompt.length} tokens, the model takes ${most}`);
  }
  const wrong = prompt.find((id) => id >= vocabSize);
  if (wrong !== undefined) {
    throw badInput(`the prompt has the token ${wrong}, the model knows 0 to ${vocabSize - 1}`);
  }
  return prompt;
}

/** Decoding of a stream by what `decode` says about all tokens so far. */
function streamOf(tokenizer: TextTokenizer): TextDecoding {
  if (tokenizer.stream !== undefined) return tokenizer.stream();
  let ids: number[] = [];
  let given = 0;
  const fresh = (text: string): string => {
    const piece = text.slice(given);
    given = text.length;
    return piece;
  };
  return {
    push: (id) => {
      ids.push(id);
      const text = tokenizer.decode(ids);
      // A character whose bytes are spread over tokens comes when it is whole.
      if (text.endsWith('\uFFFD')) return '';
      const piece = fresh(text);
      if (text.endsWith('\n')) [ids, given] = [[], 0];
      return piece;
    },
    flush: () => fresh(tokenizer.decode(ids)),
  };
}

/**
 * Pieces of the text as they become certain. The prompt is one that `checkPrompt` gave back.
 * @throws the reason of the signal when it is aborted.
 */
export async function* generate(
  model: TextModel,
  prompt: readonly number[],
  settings: GenerateSettings,
): AsyncGenerator<string, Finished, undefined> {
  const { signal, frequencyPenalty, presencePenalty } = settings;
  const { temperature, topP, topK, minP, repetitionPenalty } = settings;
  const sampling = { temperature, topP, minP, repetitionPenalty, ...(topK > 0 ? { topK } : {}) };
  const begun = model.textStart ?? prompt;
  const seen = new Set(begun);
  const most = Math.min(settings.maxTokens, (model.contextLength ?? Infinity) - begun.length);
  const random = seededUniform(settings.seed);
  const stops = new StopTexts(settings.stop);
  const decoding = streamOf(model.tokenizer);
  const said = new Map<number, number>();
  if (most === 0) return { reason: 'length', tokens: 0 };
  const sequence = model.start();
  try {
    let logits = await sequence.prefill(prompt);
    for (let tokens = 1; ; tokens++) {
      // Others get their turn, and a client that left is noticed.
      if (tokens % breath === 1) await nextTask();
      signal.throwIfAborted();
      if (frequencyPenalty !== 0 || presencePenalty !== 0) {
        logits = Array.from(logits, (x, id) => {
          const times = said.get(id) ?? 0;
          return times === 0 ? x : x - times * frequencyPenalty - presencePenalty;
        });
      }
      const token = sampleToken(logits, sampling, random, seen);
      seen.add(token);
      said.set(token, (said.get(token) ?? 0) + 1);
      const ended = model.endTokens?.includes(token) === true;
      const piece = stops.push(ended ? decoding.flush() : decoding.push(token));
      if (piece !== '') yield piece;
      if (stops.stopped) return { reason: 'stop', tokens };
      if (ended || tokens === most) {
        const rest = stops.push(ended ? '' : decoding.flush()) + stops.flush();
        if (rest !== '') yield rest;
        return { reason: ended || stops.stopped ? 'stop' : 'length', tokens };
      }
      logits = await sequence.step(token);
    }
  } finally {
    sequence.close?.();
  }
}

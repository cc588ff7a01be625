/** Fields of requests in OpenAI's form: checked, with their defaults, and refused where they would be ignored. */
import { badInput } from '../error.ts';
import { isRecord } from '../input.ts';
import type { GenerateSettings } from './generate.ts';
import type { ChatMessage } from './model.ts';

export type Fields = Readonly<Record<string, unknown>>;

export function fieldsOf(json: unknown): Fields {
  if (isRecord(json)) return json;
  throw badInput('the body must be a JSON object');
}

/** A number of a range; the default when it is missing or null. */
export function numberOf(
  fields: Fields,
  name: string,
  [low, high]: readonly [low: number, high: number],
  fallback: number,
): number {
  const value = fields[name] ?? fallback;
  if (typeof value === 'number' && value >= low && value <= high) return value;
  throw badInput(`"${name}" must be a number from ${low} to ${high}`);
}

export function integerOf(
  fields: Fields,
  name: string,
  range: readonly [low: number, high: number],
  fallback: number,
): number {
  const value = numberOf(fields, name, range, fallback);
  if (Number.isInteger(value)) return value;
  throw badInput(`"${name}" must be a whole number`);
}

export function stringOf(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value === 'string' && value !== '') return value;
  throw badInput(`"${name}" must be a text`);
}

export function booleanOf(fields: Fields, name: string): boolean {
  const value = fields[name] ?? false;
  if (typeof value === 'boolean') return value;
  throw badInput(`"${name}" must be true or false`);
}

/** Values at which a field changes nothing. */
const harmless: Readonly<Record<string, readonly unknown[]>> = {
  n: [1],
  best_of: [1],
  echo: [false],
  logprobs: [false, 0],
  top_logprobs: [0],
  suffix: [''],
  tools: [],
  tool_choice: ['none', 'auto'],
  functions: [],
  dimensions: [],
  audio: [],
  modalities: [],
};

/** Refuses what the client would count on and not get. */
export function refuseUnsupported(fields: Fields): void {
  for (const [name, values] of Object.entries(harmless)) {
    const value = fields[name];
    if (value === undefined || value === null || values.includes(value)) continue;
    if (Array.isArray(value) && value.length === 0) continue;
    throw badInput(`"${name}" is not supported here`);
  }
  const { response_format: format, logit_bias: bias } = fields;
  if (isRecord(format) && format['type'] !== 'text') {
    throw badInput('"response_format" of another type than text is not supported here');
  }
  if (isRecord(bias) && Object.keys(bias).length > 0) {
    throw badInput('"logit_bias" is not supported here');
  }
}

const mostStops = 16;

function stopsOf(fields: Fields, fallback: readonly string[]): readonly string[] {
  const value = fields['stop'] ?? fallback;
  const list: unknown = typeof value === 'string' ? [value] : value;
  const fits = (text: unknown): text is string =>
    typeof text === 'string' && text !== '' && text.length <= 1000;
  if (Array.isArray(list) && list.length <= mostStops && list.every(fits)) return list;
  throw badInput(`"stop" must be a text or up to ${mostStops} texts`);
}

export interface SettingsOptions {
  readonly maxTokens: number;
  readonly most: number;
  readonly stop: readonly string[];
  readonly signal: AbortSignal;
}

/** How a text is sampled. A seed makes it the same again; without one it differs each time. */
export function settingsOf(
  fields: Fields,
  { maxTokens, most, stop, signal }: SettingsOptions,
): GenerateSettings {
  const named = fields['max_completion_tokens'] == null ? 'max_tokens' : 'max_completion_tokens';
  const random = crypto.getRandomValues(new Uint32Array(1))[0]!;
  const safe = Number.MAX_SAFE_INTEGER;
  return {
    maxTokens: integerOf(fields, named, [0, most], Math.min(maxTokens, most)),
    temperature: numberOf(fields, 'temperature', [0, 2], 1),
    // Zero is what some clients send for "the best one".
    topP: Math.max(numberOf(fields, 'top_p', [0, 1], 1), 1e-9),
    // Beyond OpenAI's own, by the names that open servers give them; clients send -1 for "all".
    topK: Math.max(integerOf(fields, 'top_k', [-1, safe], 0), 0),
    minP: numberOf(fields, 'min_p', [0, 1], 0),
    repetitionPenalty: numberOf(fields, 'repetition_penalty', [0.01, 100], 1),
    stop: stopsOf(fields, stop),
    seed: integerOf(fields, 'seed', [-safe, safe], random),
    frequencyPenalty: numberOf(fields, 'frequency_penalty', [-2, 2], 0),
    presencePenalty: numberOf(fields, 'presence_penalty', [-2, 2], 0),
    signal,
  };
}

const isIds = (value: unknown): value is readonly number[] =>
  Array.isArray(value) && value.every((id) => Number.isSafeInteger(id) && id >= 0);

/** A text, tokens, or a list of either. */
export function promptsOf(fields: Fields, name: string, most: number): (string | number[])[] {
  const value = fields[name];
  if (typeof value === 'string') return [value];
  if (Array.isArray(value) && value.length > 0) {
    const list: unknown[] = value;
    if (isIds(value)) return [[...value]];
    if (list.length > most) throw badInput(`"${name}" may hold ${most} texts at once`);
    return list.map((each) => {
      if (typeof each === 'string') return each;
      if (isIds(each)) return [...each];
      throw badInput(`"${name}" holds something that is no text and no list of tokens`);
    });
  }
  throw badInput(`"${name}" must be a text or a list of texts`);
}

const roles = ['system', 'developer', 'user', 'assistant'];

export function messagesOf(fields: Fields): ChatMessage[] {
  const list = fields['messages'];
  if (!Array.isArray(list) || list.length === 0) throw badInput('"messages" must be a list');
  return list.map((message: unknown) => {
    const role = isRecord(message) ? message['role'] : undefined;
    if (!isRecord(message) || typeof role !== 'string' || !roles.includes(role)) {
      throw badInput(`the "role" of a message is one of ${roles.join(', ')}`);
    }
    return { role, content: contentOf(message['content']) };
  });
}

function contentOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) throw badInput('the "content" of a message must be a text');
  const parts: unknown[] = content;
  return parts
    .map((part) => {
      const text = isRecord(part) && part['type'] === 'text' ? part['text'] : undefined;
      if (typeof text === 'string') return text;
      throw badInput('a message may hold texts alone');
    })
    .join('');
}

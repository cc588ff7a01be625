/**
 * Text models in OpenAI's form: `/v1/completions`, `/v1/chat/completions`, `/v1/embeddings`, `/v1/models`, with
 * streams (https://platform.openai.com/docs/api-reference).
 */
import { RequestError, badInput, errorBody } from '../error.ts';
import { parseJson, readBody } from '../input.ts';
import type { VersionedEntry } from '../model.ts';
import { Models } from '../models.ts';
import { errorResponses } from '../openapi.ts';
import type { RequestContext, Router } from '../router.ts';
import { loadFor } from '../service.ts';
import type { Extension, Service } from '../service.ts';
import {
  booleanOf,
  fieldsOf,
  messagesOf,
  promptsOf,
  refuseUnsupported,
  settingsOf,
  stringOf,
} from './fields.ts';
import type { Fields } from './fields.ts';
import { checkPrompt, encodePrompt, generate } from './generate.ts';
import type { Finished, GenerateSettings } from './generate.ts';
import type { ChatMessage, TextEntry, TextModel } from './model.ts';
import { eventStream } from './sse.ts';

export interface TextApiOptions {
  /** Models by the name that requests give. */
  readonly models: Readonly<Record<string, TextEntry | VersionedEntry<TextEntry>>>;
  /** Most tokens of one text. Default 1024. */
  readonly maxTokens?: number;
  /** Most prompts of one request. Default 16. */
  readonly maxPrompts?: number;
}

/** What OpenAI gives a completion that does not say how long it may be. */
const usualTokens = 16;

const plainChat = (messages: readonly ChatMessage[]): string =>
  `${messages.map(({ role, content }) => `${role}: ${content}\n`).join('')}assistant:`;

/** The routes, for `serve({ extensions: [textApi({ models })] })`. */
export function textApi(
  options: TextApiOptions,
): Extension & { readonly models: Models<TextEntry> } {
  const models = new Models<TextEntry>(options.models);
  return {
    models,
    mount: (router, service) => {
      models.follow(service.versions);
      new TextApi(models, service, options).mount(router);
    },
    paths: () => paths,
    describe: () => ({ textModels: models.names.map((name) => ({ name })) }),
    load: (c) => Promise.all(models.names.map((name) => loadFor(c, models, name))),
  };
}

interface Job {
  readonly prompts: readonly (readonly number[])[];
  readonly model: TextModel;
  readonly settings: GenerateSettings;
  readonly chat: boolean;
  /** Fields that all parts of the answer begin with. */
  readonly head: { readonly id: string; readonly created: number; readonly model: string };
}

interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
}

class TextApi {
  readonly #models: Models<TextEntry>;
  readonly #service: Service;
  readonly #most: number;
  readonly #mostPrompts: number;

  constructor(
    models: Models<TextEntry>,
    service: Service,
    { maxTokens = 1024, maxPrompts = 16 }: TextApiOptions,
  ) {
    this.#models = models;
    this.#service = service;
    this.#most = maxTokens;
    this.#mostPrompts = maxPrompts;
  }

  mount(router: Router): void {
    const one = (name: string) => ({ id: name, object: 'model', created: 0, owned_by: 'hebb' });
    router.get('/v1/models', (c) => c.json({ object: 'list', data: this.#models.names.map(one) }));
    router.get('/v1/models/:name', (c) => {
      const name = c.req.param('name')!;
      this.#models.entry(name);
      return c.json(one(name));
    });
    router.post('/v1/completions', (c) => this.#complete(c, false));
    router.post('/v1/chat/completions', (c) => this.#complete(c, true));
    router.post('/v1/embeddings', (c) => this.#embed(c));
  }

  async #read(c: RequestContext): Promise<{ fields: Fields; name: string }> {
    const body = await readBody(c.req.raw, this.#service.maxBodyBytes);
    const fields = fieldsOf(parseJson(body));
    refuseUnsupported(fields);
    const name = stringOf(fields, 'model');
    // Unknown names are refused before anything is loaded.
    this.#models.entry(name);
    return { fields, name };
  }

  async #complete(c: RequestContext, chat: boolean): Promise<Response> {
    const { fields, name } = await this.#read(c);
    const { entry, model } = await loadFor(c, this.#models, name);
    const { chatTemplate = plainChat } = entry;
    const given = chat
      ? [chatTemplate(messagesOf(fields))]
      : promptsOf(fields, 'prompt', this.#mostPrompts);
    const prompts = given.map((prompt) =>
      checkPrompt(model, typeof prompt === 'string' ? encodePrompt(model, prompt) : prompt),
    );
    const left = new AbortController();
    const settings = settingsOf(fields, {
      most: this.#most,
      maxTokens: chat ? this.#most : usualTokens,
      stop: chat ? (entry.chatStop ?? (entry.chatTemplate === undefined ? ['\n'] : [])) : [],
      signal: AbortSignal.any([c.get('signal'), left.signal]),
    });
    const prefix = chat ? 'chatcmpl' : 'cmpl';
    const id = `${prefix}-${crypto.randomUUID().replaceAll('-', '')}`;
    const head = { id, created: Math.floor(Date.now() / 1000), model: name };
    const job: Job = { prompts, model, settings, chat, head };
    if (!booleanOf(fields, 'stream')) return c.json(await this.#whole(job));
    const more = fields['stream_options'];
    const withUsage = more != null && booleanOf(fieldsOf(more), 'include_usage');
    return eventStream(this.#parts(job, withUsage, c), left, c.req.raw.signal);
  }

  /** All texts at once. */
  async #whole(job: Job): Promise<unknown> {
    const { chat, head, prompts, model, settings } = job;
    const choices: unknown[] = [];
    let tokens = 0;
    for (const [index, prompt] of prompts.entries()) {
      const pieces = generate(model, prompt, seededFor(settings, index));
      let text = '';
      let next = await abortable(pieces.next());
      for (; next.done !== true; next = await abortable(pieces.next())) text += next.value;
      const { reason, tokens: count } = next.value;
      tokens += count;
      const said = chat
        ? { message: { role: 'assistant', content: text, refusal: null } }
        : { text };
      choices.push({ index, ...said, logprobs: null, finish_reason: reason });
    }
    const object = chat ? 'chat.completion' : 'text_completion';
    return { ...head, object, choices, usage: this.#usage(job, tokens) };
  }

  /** Texts as they come, one after the other. */
  async *#parts(
    job: Job,
    withUsage: boolean,
    c: RequestContext,
  ): AsyncGenerator<unknown, void, undefined> {
    const { chat, head, prompts, model, settings } = job;
    const object = chat ? 'chat.completion.chunk' : 'text_completion';
    const usage = withUsage ? { usage: null } : {};
    const part = (
      index: number,
      text: string,
      reason: Finished['reason'] | null,
      first = false,
    ) => {
      const delta = {
        ...(first ? { role: 'assistant' } : {}),
        ...(reason === null ? { content: text } : {}),
      };
      const said = chat ? { delta } : { text };
      const choice = { index, ...said, logprobs: null, finish_reason: reason };
      return { ...head, object, choices: [choice], ...usage };
    };
    let tokens = 0;
    try {
      for (const [index, prompt] of prompts.entries()) {
        if (chat) yield part(index, '', null, true);
        const end = yield* mapped(generate(model, prompt, seededFor(settings, index)), (text) =>
          part(index, text, null),
        );
        tokens += end.tokens;
        yield part(index, '', end.reason);
      }
      const total = this.#usage(job, tokens);
      if (withUsage) yield { ...head, object, choices: [], usage: total };
    } catch (error) {
      // The status is long sent: clients find the failure in the stream.
      if (settings.signal.aborted && !(settings.signal.reason instanceof RequestError)) return;
      const known = settings.signal.aborted ? settings.signal.reason : error;
      if (!(known instanceof RequestError)) this.#service.onError(error, c.req.raw);
      yield errorBody(
        c.req.path,
        known instanceof RequestError ? known : new RequestError(500, 'internal', 'internal error'),
      );
    }
  }

  async #embed(c: RequestContext): Promise<Response> {
    const { fields, name } = await this.#read(c);
    const { model } = await loadFor(c, this.#models, name);
    const format = fields['encoding_format'] ?? 'float';
    if (format !== 'float' && format !== 'base64') {
      throw badInput('"encoding_format" must be float or base64');
    }
    if (model.embed === undefined) throw badInput(`model ${name} gives no embeddings`);
    const given = promptsOf(fields, 'input', this.#mostPrompts);
    const prompts = given.map((prompt) =>
      checkPrompt(model, typeof prompt === 'string' ? encodePrompt(model, prompt) : prompt),
    );
    const data: unknown[] = [];
    for (const [index, prompt] of prompts.entries()) {
      c.get('signal').throwIfAborted();
      const values = Float32Array.from(await model.embed(prompt));
      const embedding = format === 'float' ? Array.from(values) : base64(values);
      data.push({ object: 'embedding', index, embedding });
    }
    const count = sum(prompts);
    this.#service.metrics.tokens.add({ model: name, kind: 'prompt' }, count);
    const usage = { prompt_tokens: count, total_tokens: count };
    return c.json({ object: 'list', data, model: name, usage });
  }

  #usage({ prompts, head }: Job, generated: number): Usage {
    const prompt = sum(prompts);
    const { tokens } = this.#service.metrics;
    tokens.add({ model: head.model, kind: 'prompt' }, prompt);
    tokens.add({ model: head.model, kind: 'completion' }, generated);
    return {
      prompt_tokens: prompt,
      completion_tokens: generated,
      total_tokens: prompt + generated,
    };
  }
}

const sum = (prompts: readonly (readonly number[])[]): number =>
  prompts.reduce((total, { length }) => total + length, 0);

const seededFor = (settings: GenerateSettings, index: number): GenerateSettings => ({
  ...settings,
  seed: settings.seed + index,
});

/** What is aborted because the client left is no failure of the handler's. */
async function abortable<T>(next: Promise<T>): Promise<T> {
  try {
    return await next;
  } catch (error) {
    if (typeof error === 'object' && (error as { name?: unknown } | null)?.name === 'AbortError') {
      throw new RequestError(499, 'aborted', 'the client went away');
    }
    throw error;
  }
}

async function* mapped<T, U, R>(
  source: AsyncGenerator<T, R, undefined>,
  change: (value: T) => U,
): AsyncGenerator<U, R, undefined> {
  try {
    for (;;) {
      const next = await source.next();
      if (next.done === true) return next.value;
      yield change(next.value);
    }
  } finally {
    // A reader that leaves ends the generation with it.
    await source.return(undefined as R);
  }
}

/** Little-endian bytes, as OpenAI's own clients read them. */
function base64(values: Float32Array): string {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  let text = '';
  for (let i = 0; i < bytes.length; i += 8192) {
    text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  }
  return btoa(text);
}

const post = (operationId: string, summary: string, required: readonly string[]) => ({
  post: {
    operationId,
    summary,
    tags: ['text'],
    requestBody: {
      required: true,
      content: { 'application/json': { schema: { type: 'object', required } } },
    },
    responses: {
      200: {
        description: 'As OpenAI answers',
        content: { 'application/json': { schema: { type: 'object' } }, 'text/event-stream': {} },
      },
      ...errorResponses('Error'),
    },
  },
});

const paths = {
  '/v1/completions': post('completions', 'Goes on with a text', ['model', 'prompt']),
  '/v1/chat/completions': post('chat_completions', 'Answers in a conversation', [
    'model',
    'messages',
  ]),
  '/v1/embeddings': post('embeddings', 'Embeds texts', ['model', 'input']),
};

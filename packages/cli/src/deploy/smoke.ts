/** A question with a known answer, for a worker that has just been deployed. */
import { serve } from '@hebb/edge';
import { load } from '@hebb/runtime';
import { loadable } from '../doctor/folder.ts';
import type { CompiledFolder } from '../doctor/folder.ts';
import { sampleBody, sampleInputs } from '../doctor/sample.ts';

interface SmokeOutput {
  readonly shape: readonly number[];
  /** Left out where numbers depend on what was asked before, or on weights that are stored with less precision. */
  readonly data?: readonly (number | null)[];
}

export interface Smoke {
  readonly path: string;
  readonly body: string;
  /** What Node answers, with the same files. */
  readonly outputs: Readonly<Record<string, SmokeOutput>>;
}

/** Asks the first function's first signature here. */
export async function smokeOf(folder: CompiledFolder, modelName: string): Promise<Smoke> {
  const { plan, weights } = folder;
  const fn = plan.functions[0]!;
  const model = load(await loadable(folder));
  const path = `/models/${modelName}/predict`;
  const body = sampleBody(sampleInputs(fn, fn.signatures[0]!, 5));
  const server = serve({ models: { [modelName]: { load: () => model } }, maxBodyBytes: Infinity });
  const answer = await ask((request) => server.fetch(request), 'http://localhost', { path, body });
  if ('problem' in answer) throw new Error(`the model does not run: ${answer.problem}`);
  const isKnown = weights !== undefined && plan.state.length === 0;
  const outputs = Object.entries(answer.outputs).map(([name, { shape, data }]) => [
    name,
    isKnown ? { shape, data } : { shape },
  ]);
  return { path, body, outputs: Object.fromEntries(outputs) as Smoke['outputs'] };
}

export interface SmokeOptions {
  /** Milliseconds in which `GET /health` must answer: a new address takes a while to be known. Default 30,000. */
  readonly timeout?: number;
  /** Bearer key. */
  readonly key?: string;
}

/** Asks the worker at that address. Returns what is wrong, or `undefined`. */
export async function smokeTest(
  url: string,
  smoke: Smoke,
  { timeout = 30_000, key }: SmokeOptions = {},
): Promise<string | undefined> {
  const sick = await waitUntilHealthy(url, timeout);
  if (sick !== undefined) return sick;
  const answer = await ask(fetch, url, smoke, key);
  if ('problem' in answer) return answer.problem;
  for (const [name, wanted] of Object.entries(smoke.outputs)) {
    const got = answer.outputs[name];
    if (got === undefined) return `output ${name} is missing in the answer`;
    if (got.shape.join() !== wanted.shape.join()) {
      return `output ${name} has shape [${got.shape.join()}], wanted [${wanted.shape.join()}]`;
    }
    const at = firstDifference(got.data ?? [], wanted.data);
    if (at >= 0) {
      const [is, was] = [got.data?.[at], wanted.data?.[at]];
      return `element ${at} of output ${name} is ${is}, wanted ${was}`;
    }
  }
  return undefined;
}

async function waitUntilHealthy(url: string, timeout: number): Promise<string | undefined> {
  const deadline = performance.now() + timeout;
  let problem: string;
  do {
    try {
      const response = await fetch(new URL('/health', url), { signal: AbortSignal.timeout(5000) });
      if (response.ok) return undefined;
      problem = `GET /health answered ${response.status}`;
    } catch (error) {
      problem = `GET /health failed: ${(error as Error).message}`;
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
  } while (performance.now() < deadline);
  return problem;
}

type Answer = { readonly outputs: Smoke['outputs'] } | { readonly problem: string };

async function ask(
  send: (request: Request) => Promise<Response>,
  url: string,
  { path, body }: Pick<Smoke, 'path' | 'body'>,
  key?: string,
): Promise<Answer> {
  try {
    const response = await send(
      new Request(new URL(path, url), {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
        },
        body,
        signal: AbortSignal.timeout(60_000),
      }),
    );
    const text = await response.text();
    if (response.status !== 200) {
      return { problem: `POST ${path} answered ${response.status}: ${text.slice(0, 300)}` };
    }
    const { outputs } = JSON.parse(text) as Partial<{ outputs: Smoke['outputs'] }>;
    return outputs === undefined ? { problem: `POST ${path} answered no outputs` } : { outputs };
  } catch (error) {
    return { problem: `POST ${path} failed: ${(error as Error).message}` };
  }
}

/** Position of the first number that is another one, beyond what other instructions round; -1 for none. */
function firstDifference(
  got: readonly (number | null)[],
  wanted: readonly (number | null)[] | undefined,
): number {
  if (wanted === undefined) return -1;
  const scale = wanted.reduce<number>((most, x) => Math.max(most, Math.abs(x ?? 0)), 1e-6);
  const differs = (a: number | null | undefined, b: number | null): boolean =>
    a === null || a === undefined || b === null
      ? a !== b
      : !(Math.abs(a - b) <= 1e-3 * Math.max(scale, Math.abs(b)));
  return wanted.findIndex((x, i) => differs(got[i], x));
}

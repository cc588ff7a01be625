/** A load generator: requests at some concurrency, whether each answer is right, and how long it took. */
import { Agent, request as send } from 'node:http';

export interface LoadRequest {
  readonly path: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

export interface LoadAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Uint8Array;
}

export interface LoadOptions {
  /** Address of the server, http alone: `http://127.0.0.1:8787`. */
  readonly url: string;
  /** Requests in all. */
  readonly requests: number;
  /** Requests at once. Default 1. */
  readonly concurrency?: number;
  /** The i-th request. */
  readonly request: (i: number) => LoadRequest;
  /** Whether the answer to the i-th is right. Default: a status below 400. */
  readonly check?: (answer: LoadAnswer, i: number) => boolean;
  /** Milliseconds after which an answer is given up. Default 30,000. */
  readonly timeout?: number;
  /** Bytes that the server holds, asked now and then: `() => memoryOf(pid)`. */
  readonly memory?: () => number | Promise<number>;
}

export interface LoadReport {
  readonly requests: number;
  readonly concurrency: number;
  readonly seconds: number;
  readonly perSecond: number;
  /** Milliseconds. */
  readonly latency: Readonly<Record<'p50' | 'p90' | 'p95' | 'p99' | 'p999' | 'max', number>>;
  /** Milliseconds within which each percentage of the answers came, 0 to 100. */
  readonly percentiles: readonly number[];
  /** Answers that came and were wrong. */
  readonly wrong: number;
  /** Requests without any answer. */
  readonly failed: number;
  /** Requests that were sent again, since their connection had been closed before. */
  readonly resent: number;
  readonly statuses: Readonly<Record<string, number>>;
  /** Bytes, at every tenth of the run, the beginning first. */
  readonly memory: readonly number[];
}

/**
 * One request over an agent's connections; once more over a fresh one, where an old one turns out to have been
 * closed by a server that was not asked anything for a while. @throws Error when no answer comes.
 */
export function sendRequest(
  url: string,
  request: LoadRequest,
  {
    agent,
    timeout = 30_000,
    onResend,
  }: { readonly agent?: Agent; readonly timeout?: number; readonly onResend?: () => void } = {},
): Promise<LoadAnswer> {
  const { path, method, headers, body } = request;
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    let answered = false;
    const call = send(
      {
        // As it stands: a path that begins with two slashes names no other host.
        ...{ hostname, port, path },
        method: method ?? (body === undefined ? 'GET' : 'POST'),
        // Said for every method: what Node sends unannounced with a GET would be read as the next request.
        headers: {
          ...headers,
          ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }),
        },
        ...(agent === undefined ? {} : { agent }),
        timeout,
      },
      (response) => {
        answered = true;
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: new Uint8Array(Buffer.concat(chunks)),
          }),
        );
      },
    );
    call.on('timeout', () => call.destroy(new Error(`no answer within ${timeout} ms`)));
    call.on('error', (error: NodeJS.ErrnoException) => {
      // By a reset, not by an end: what a server ends while it answers is its failure.
      const closed = call.reusedSocket && error.syscall !== undefined && !answered;
      if (!closed || error.code !== 'ECONNRESET') return reject(error);
      onResend?.();
      resolve(sendRequest(url, request, { timeout }));
    });
    call.end(body);
  });
}

/** Sends them all and reports. Never throws for what the server does. */
export async function load(options: LoadOptions): Promise<LoadReport> {
  const { url, requests, concurrency = 1, request, timeout = 30_000, memory } = options;
  const check = options.check ?? (({ status }) => status < 400);
  const agent = new Agent({ keepAlive: true, maxSockets: concurrency });
  const times: number[] = [];
  const statuses: Record<string, number> = {};
  const bytes: number[] = memory === undefined ? [] : [await memory()];
  const tenth = Math.max(1, Math.floor(requests / 10));
  let [next, wrong, failed, done, resent] = [0, 0, 0, 0, 0];
  const onResend = (): void => void (resent += 1);
  const worker = async (): Promise<void> => {
    while (next < requests) {
      const i = next++;
      const began = performance.now();
      try {
        const answer = await sendRequest(url, request(i), { agent, timeout, onResend });
        times.push(performance.now() - began);
        statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
        if (!check(answer, i)) wrong += 1;
      } catch {
        failed += 1;
      }
      done += 1;
      if (memory !== undefined && done % tenth === 0) bytes.push(await memory());
    }
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: concurrency }, worker));
  const seconds = (performance.now() - started) / 1000;
  agent.destroy();
  times.sort((a, b) => a - b);
  const at = (share: number): number =>
    times[Math.min(times.length - 1, Math.floor(share * times.length))] ?? NaN;
  return {
    requests,
    concurrency,
    seconds,
    perSecond: requests / seconds,
    latency: {
      p50: at(0.5),
      p90: at(0.9),
      p95: at(0.95),
      p99: at(0.99),
      p999: at(0.999),
      max: at(1),
    },
    percentiles: Array.from({ length: 101 }, (_, percent) => at(percent / 100)),
    wrong,
    failed,
    resent,
    statuses,
    memory: bytes,
  };
}

/** Requests that went wrong on the way, the same for the same seed. */
import { Philox } from '@hebb/data';
import type { LoadRequest } from '@hebb/edge/node';

const deep = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
/** Stands for a text that JSON.stringify does not write. */
const raws: Readonly<Record<string, string>> = {
  '"@huge"': '1e999',
  '"@deep"': deep(20_000),
  '"@nan"': 'NaN',
  '"@long"': `"${'x'.repeat(5000)}"`,
  '"@many"': `[${'1,'.repeat(3000)}1]`,
};
const values: readonly unknown[] = [
  ...[null, true, false, 0, -1, 1.5, -0, 1e308, 2 ** 53, 1e15, 4294967296],
  ...['', 'x', '1', '\u0000', '\ud800', '__proto__', 'constructor', [], {}, [[]], [null], [1, [2]]],
  ...[
    { shape: [1e9, 1e9], data: [] },
    { shape: [-1], data: [1] },
    { shape: [2 ** 31], data: [] },
  ],
  ...Object.keys(raws).map((text) => JSON.parse(text) as string),
];
const names = ['', 'inputs', 'data', 'shape', '__proto__', 'toString', 'x', 'parameters', 'stream'];

export class Malformed {
  readonly #random: Philox;
  constructor(seed: number) {
    this.#random = new Philox(seed, 0);
  }

  /** One of the good requests with something wrong, or several things. */
  next(good: readonly LoadRequest[]): LoadRequest {
    let request: LoadRequest = { ...this.#pick(good) };
    do request = this.#spoil(request);
    while (this.#below(3) === 0);
    return request;
  }

  #below(n: number): number {
    return Math.floor(this.#random.uniform() * n);
  }
  #pick<T>(list: readonly T[]): T {
    return list[this.#below(list.length)]!;
  }

  #spoil(request: LoadRequest): LoadRequest {
    const { body = '' } = request;
    switch (this.#below(8)) {
      case 0:
        return { ...request, body: this.#cut(bytesOf(body)) };
      case 1:
        return { ...request, body: this.#flip(bytesOf(body)) };
      case 2:
        return this.#header(request);
      case 3:
        return { ...request, path: this.#path(request.path) };
      default:
        return { ...request, body: this.#restructure(body) };
    }
  }
  #cut(body: Uint8Array): Uint8Array {
    const [a, b] = [this.#below(body.length + 1), this.#below(body.length + 1)];
    return this.#below(2) === 0
      ? body.slice(0, a)
      : Buffer.concat([body.subarray(0, a), body.subarray(b)]);
  }
  #flip(body: Uint8Array): Uint8Array {
    const copy = Uint8Array.from(body);
    for (let k = this.#below(6); k >= 0 && copy.length > 0; k--) {
      copy[this.#below(copy.length)] = this.#below(256);
    }
    return copy;
  }
  #header(request: LoadRequest): LoadRequest {
    const [name, list] = this.#pick<[string, readonly string[]]>([
      [
        'content-type',
        ['', 'text/plain', 'image/png', 'application/json; charset=x', 'constructor'],
      ],
      ['inference-header-content-length', ['0', '1', '99999', '-1', 'x', '1e3', '20']],
      ['authorization', ['', 'Bearer', 'Bearer x', 'Basic eA==', 'Bearer key-one key-one']],
      ['accept', ['text/html', 'x', '']],
      ['x-request-id', ['a'.repeat(500), '{}', 'ok']],
    ]);
    const method = this.#below(4) === 0 ? this.#pick(['GET', 'PUT', 'DELETE', 'PATCH']) : undefined;
    return {
      ...request,
      ...(method === undefined ? {} : { method }),
      headers: { ...request.headers, [name]: this.#pick(list) },
    };
  }
  #path(path: string): string {
    const parts = path.split('/');
    const at = 1 + this.#below(parts.length - 1);
    parts[at] = this.#pick([
      '',
      '..',
      '%00',
      '%ff',
      '%2e%2e',
      'constructor',
      'x'.repeat(300),
      ':name',
    ]);
    return parts.join('/');
  }

  /** Changes what the JSON says, where it is JSON. */
  #restructure(body: string | Uint8Array): string | Uint8Array {
    // What is deep already stays as it is.
    if (body.length > 10_000) return body;
    let json: unknown;
    try {
      json = JSON.parse(new TextDecoder().decode(bytesOf(body)));
    } catch {
      return this.#flip(bytesOf(body));
    }
    const holders: (unknown[] | Record<string, unknown>)[] = [];
    const visit = (value: unknown): void => {
      if (typeof value !== 'object' || value === null) return;
      holders.push(value as Record<string, unknown>);
      Object.values(value).forEach(visit);
    };
    visit(json);
    if (holders.length === 0) json = this.#pick(values);
    else this.#change(this.#pick(holders));
    let text = JSON.stringify(json) ?? '';
    for (const [mark, raw] of Object.entries(raws)) text = text.replaceAll(mark, raw);
    return text;
  }
  #change(holder: unknown[] | Record<string, unknown>): void {
    const keys = Object.keys(holder);
    const fields = holder as Record<string, unknown>;
    const what = this.#below(5);
    if (what === 0 && keys.length > 0) delete fields[this.#pick(keys)];
    else if (what === 1) {
      if (Array.isArray(holder)) holder.push(this.#pick(values));
      else fields[this.#pick(names)] = this.#pick(values);
    } else if (keys.length > 0) fields[this.#pick(keys)] = this.#pick(values);
  }
}

const bytesOf = (body: string | Uint8Array): Uint8Array =>
  typeof body === 'string' ? new TextEncoder().encode(body) : body;

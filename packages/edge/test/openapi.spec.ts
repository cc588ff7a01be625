/** The OpenAPI description, judged by a validator and by the handler itself; the page for browsers. */
import { Validator } from '@seriousme/openapi-schema-validator';
import { batchJobs, localQueue, memoryJobs, serve, textApi } from '../src/index.ts';
import { ask, echo, kinds } from './models.ts';

const decoder = () => ({ data: Float32Array.of(1, 2), shape: [1, 2] });
const { fetch } = serve({
  title: 'Test',
  keys: ['k'],
  models: {
    echo: { load: () => echo, labels: ['a', 'b'], decoders: { 'image/png': decoder } },
    'kinds of it': { load: () => kinds, description: 'One of each' },
  },
});
const auth = { authorization: 'Bearer k' };

it('is valid OpenAPI 3.1 and holds what the models take', async () => {
  const { json } = await ask(fetch, '/openapi.json', undefined, auth);
  const validator = new Validator();
  const result = await validator.validate(structuredClone(json));
  expect(result.errors).toBeUndefined();
  expect([result.valid, validator.version]).toEqual([true, '3.1']);
  const paths = json['paths'] as Record<string, { post?: { requestBody: { content: object } } }>;
  expect(Object.keys(paths)).toEqual([
    '/health',
    '/v2/health/ready',
    '/models/echo/predict',
    '/v2/models/echo/infer',
    '/models/kinds%20of%20it/predict',
    '/v2/models/kinds%20of%20it/infer',
  ]);
  expect(Object.keys(paths['/models/echo/predict']!.post!.requestBody.content)).toEqual([
    'application/json',
    'image/png',
  ]);
  // Its examples are answered.
  for (const [path, { post }] of Object.entries(paths)) {
    const content = post?.requestBody.content as Record<string, { example?: unknown }> | undefined;
    const example = content?.['application/json']?.example;
    if (example === undefined) continue;
    expect((await ask(fetch, path, example, auth)).status).toBe(200);
  }
});

it('holds what extensions bring', async () => {
  const jobs = batchJobs({
    store: memoryJobs,
    queue: () => localQueue((batch) => jobs.queue(batch)),
  });
  const text = textApi({ models: {} });
  const more = serve({ models: { echo: { load: () => echo } }, extensions: [jobs, text] });
  const { json } = await ask(more.fetch, '/openapi.json');
  const result = await new Validator().validate(structuredClone(json));
  expect([result.errors, result.valid]).toEqual([undefined, true]);
  expect(Object.keys(json['paths'] as object)).toEqual(
    expect.arrayContaining(['/models/{name}/jobs', '/jobs/{id}/results', '/v1/completions']),
  );
});

it('gives browsers a page, and programs JSON', async () => {
  const get = (accept: string) =>
    fetch(new Request('http://localhost/', { headers: { accept, ...auth } }));
  const page = await get('text/html,application/xhtml+xml,*/*;q=0.8');
  expect([page.status, page.headers.get('content-type')]).toEqual([
    200,
    'text/html; charset=utf-8',
  ]);
  const text = await page.text();
  const nonce = /script-src 'nonce-([^']+)'/.exec(
    page.headers.get('content-security-policy') ?? '',
  )![1]!;
  expect(text).toContain(`<script nonce="${nonce}">`);
  // Nothing of the models is in it: it needs a key to ask for them.
  expect(text).not.toMatch(/echo|kinds/);
  for (const accept of ['application/json', '*/*', 'application/json, text/html']) {
    const response = await get(accept);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(((await response.json()) as { models: unknown[] }).models).toHaveLength(2);
  }
});

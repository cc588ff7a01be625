/** The load generator against a server that is known to be wrong now and then. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { load, memoryBelow, sendRequest } from '../src/node.ts';

it('counts right and wrong answers, failures, statuses and times', async () => {
  let [busy, most, seen] = [0, 0, 0];
  const server = createServer((request, response) => {
    busy += 1;
    most = Math.max(most, busy);
    const i = seen++;
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      setTimeout(() => {
        busy -= 1;
        if (i === 7) return void response.destroy();
        response.statusCode = i === 9 ? 503 : 200;
        response.end(i === 8 ? 'wrong' : Buffer.concat(chunks));
      }, 5);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const report = await load({
    url,
    requests: 60,
    concurrency: 6,
    request: (i) => ({ path: '//x', method: 'POST', body: `body ${i}` }),
    check: ({ status, body }, i) => status === 200 && Buffer.from(body).toString() === `body ${i}`,
    memory: () => process.memoryUsage().rss,
  });
  expect(report).toMatchObject({
    requests: 60,
    concurrency: 6,
    wrong: 2,
    failed: 1,
    statuses: { 200: 58, 503: 1 },
  });
  expect(most).toBe(6);
  expect(report.memory).toHaveLength(11);
  const { p50, p90, p95, p99, p999, max } = report.latency;
  expect(report.percentiles).toHaveLength(101);
  expect([p50, p90, p95, p99, p999, max]).toEqual(
    [p50, p90, p95, p99, p999, max].sort((a, b) => a - b),
  );
  expect(p50).toBeGreaterThan(4);
  await new Promise((resolve) => server.close(resolve));
  await expect(sendRequest(url, { path: '/' })).rejects.toThrow();
});

it('finds the memory of processes below one', async () => {
  expect(await memoryBelow(process.pid, 'nothing-is-called-so')).toBe(0);
  const child = spawn('sleep', ['600']);
  try {
    await once(child, 'spawn');
    // It is called so once it has begun, and has its memory a moment later.
    while ((await memoryBelow(process.pid, 'sleep')) < 100_000) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  } finally {
    child.kill();
  }
});

it('asks again over a fresh connection where an old one was closed meanwhile', async () => {
  let connections = 0;
  let asked = 0;
  const server = createServer((request, response) => {
    asked += 1;
    // The second request over one connection meets a server that has just closed it.
    if (asked === 2) request.socket.resetAndDestroy();
    else response.end('ok');
  });
  server.on('connection', () => (connections += 1));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  try {
    const url = `http://127.0.0.1:${port}`;
    const report = await load({ url, requests: 3, request: () => ({ path: '/' }) });
    expect([report.failed, report.resent, report.statuses]).toEqual([0, 1, { 200: 3 }]);
    expect(connections).toBe(3);
  } finally {
    server.close();
    server.closeAllConnections();
  }
});

/** A training process that is killed at random moments, resumed, and compared with one that was not. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

const root = path.join(import.meta.dirname, '../../..');
// Sources run as they are under the workspace's own Node; an older one cannot read them.
const own = path.join(root, 'node_modules/node/bin/node');
const node = existsSync(own) ? own : process.execPath;

/**
 * Runs the child; kills it some milliseconds after so many updates, and has it stand still a few later, so that
 * it does not get to its end where the kill is late. Resolves to its last update.
 */
function run(folder: string, result: string, kill?: { updates: number; delay: number }) {
  return new Promise<{ signal: string | null; updates: number }>((resolve, reject) => {
    const child = spawn(
      node,
      [
        '--conditions=@hebb/source',
        '--disable-warning=ExperimentalWarning',
        path.join(import.meta.dirname, 'kill-child.ts'),
        folder,
        result,
        String(kill === undefined ? Infinity : kill.updates + 6),
      ],
      { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    let [said, errors, seen, updates] = ['', '', 0, 0];
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      const lines = said.split('\n');
      said = lines.pop()!;
      seen += lines.length;
      updates = Number(lines.at(-1) ?? updates);
      if (kill !== undefined && seen >= kill.updates) {
        setTimeout(() => child.kill('SIGKILL'), kill.delay);
        kill = undefined;
      }
    });
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0 || signal === 'SIGKILL') resolve({ signal, updates });
      else reject(new Error(`the child ended with ${code}: ${errors}`));
    });
  });
}

it('has the uninterrupted run’s weights, bit for bit', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'hebb-kill-'));
  try {
    const [whole, resumed] = ['whole.json', 'resumed.json'].map((name) => path.join(folder, name));
    await run('', whole!);
    const checkpoints = path.join(folder, 'checkpoints');
    let state = 20261124;
    const random = (below: number) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    let kills = 0;
    for (;;) {
      // Within writing a checkpoint as well as between two.
      const ended = await run(checkpoints, resumed!, {
        updates: 1 + random(6),
        delay: random(12),
      });
      if (ended.signal === null) break;
      kills += 1;
    }
    expect(kills).toBeGreaterThanOrEqual(3);
    expect(await readFile(resumed!, 'utf8')).toBe(await readFile(whole!, 'utf8'));
    const left = (await readdir(checkpoints)).filter((name) => !name.endsWith('.tmp'));
    expect(left.sort()).toEqual([
      'best.safetensors',
      'step-0000000041.safetensors',
      'step-0000000042.safetensors',
    ]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}, 240_000);

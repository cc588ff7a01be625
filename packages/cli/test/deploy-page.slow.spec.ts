/**
 * docs/deploy.md as a reader follows it: its scripts are saved, its commands run, in order, in an empty folder. Packages
 * come from the workspace instead of a registry, and a wrangler without an account stands for the account.
 */
import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { fakeWrangler, linkWorkspace, root } from './workspace.ts';

const run = promisify(execFile);

interface Block {
  readonly language: string;
  readonly text: string;
}

const blocksOf = (page: string): Block[] =>
  [...page.matchAll(/^( *)```(\w+)[^\n]*\n([^]*?)^\1```$/gm)].map(([, indent, language, text]) => ({
    language: language!,
    text: text!.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  }));

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  return port;
};

it('leads from an empty folder to an endpoint', async () => {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'hebb-page-')));
  const children: ChildProcess[] = [];
  try {
    const page = await readFile(join(root, 'docs/deploy.md'), 'utf8');
    // What npm would install, and nothing that the page does not ask for.
    const wanted = [...page.matchAll(/npm install(?: --save-dev)? (.+)/g)].flatMap(([, list]) =>
      list!.trim().split(' '),
    );
    expect(wanted).toEqual(expect.arrayContaining(['@hebb/cli', 'wrangler']));
    await linkWorkspace(folder, wanted);
    await fakeWrangler(folder);
    await writeFile(join(folder, 'account.json'), JSON.stringify({}));
    const tools = join(folder, 'tools');
    await mkdir(tools);
    const script = (name: string, text: string): Promise<void> =>
      writeFile(join(tools, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    const node = process.execPath;
    const hebb = `${node} --conditions=@hebb/source ${join(root, 'packages/cli/src/main.ts')}`;
    const wrangler = `${node} ${join(folder, 'node_modules/wrangler/bin/wrangler.js')}`;
    const npx = `case "$1" in hebb) shift; exec ${hebb} "$@";; wrangler) shift; exec ${wrangler} "$@";; esac; exit 9`;
    await script('npx', npx);
    await script('npm', 'case "$1" in install) exit 0;; esac; PATH="$OLD_PATH" exec npm "$@"');
    const port = await freePort();
    const env = {
      ...process.env,
      OLD_PATH: process.env['PATH'],
      PATH: [tools, dirname(node), process.env['PATH']].join(delimiter),
      NODE_OPTIONS: '--conditions=@hebb/source',
      PORT: String(port),
    };

    /** A command that stays: until it says where it is. */
    const start = async (command: string): Promise<void> => {
      const child = spawn('sh', ['-c', `exec ${command}`], {
        cwd: folder,
        env,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      children.push(child);
      let text = '';
      await new Promise<void>((resolve, reject) => {
        const hear = (chunk: Buffer): void => {
          text += chunk.toString();
          if (/http:\/\/127\.0\.0\.1:\d+/.test(text)) resolve();
        };
        child.stdout.on('data', hear);
        child.stderr.on('data', hear);
        child.once('exit', (code) => reject(new Error(`${command} ended with ${code}\n${text}`)));
      });
    };
    const stop = async (): Promise<void> => {
      const child = children.pop();
      if (child === undefined || child.exitCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    };
    const output = new Map<string, string>();
    for (const { language, text } of blocksOf(page)) {
      const [, file] = /^\/\/ (\w+\.js)$/m.exec(text) ?? [];
      if (language === 'js') await writeFile(join(folder, file!), text);
      if (language !== 'sh') continue;
      for (const line of text.trim().split('\n')) {
        const command = line.replaceAll('localhost:8787', `127.0.0.1:${port}`);
        const stays = / --local$|server\.js$/.test(command);
        if (stays || !command.startsWith('curl')) await stop();
        if (stays) await start(command.replace(/ --local$/, ` --local --port ${port}`));
        else {
          const { stdout } = await run('sh', ['-c', command], { cwd: folder, env });
          output.set(line, stdout);
        }
      }
    }
    const said = (pattern: RegExp): string => {
      const found = [...output].find(([command]) => pattern.test(command));
      if (found === undefined) throw new Error(`no command ${pattern}`);
      return found[1];
    };
    expect(said(/^npx hebb doctor/)).toMatch(/digits on the free plan: fits/);
    const digit = Number(/question\.json is a (\d)/.exec(said(/^node train/))![1]);
    const seen = (answer: string): number => {
      const { outputs } = JSON.parse(answer) as { outputs: { probabilities: { data: number[] } } };
      const { data } = outputs.probabilities;
      return data.indexOf(Math.max(...data));
    };
    expect(seen(said(/^curl.*predict/))).toBe(digit);
    expect(JSON.parse(said(/^curl.*\/v2/))).toMatchObject({ name: 'digits' });
    expect(said(/^npx hebb deploy digits\.onnx --shape batch=1$/)).toMatch(/Uploaded/);
    const calls = (await readFile(join(folder, 'calls.jsonl'), 'utf8')).trim().split('\n');
    expect(calls).toEqual(expect.arrayContaining(['["login"]', '["deploy"]']));
    expect(JSON.parse(calls.at(-1)!)).toEqual(expect.arrayContaining(['rollback']));
    // The page's last server is still there.
    const last = await fetch(`http://127.0.0.1:${port}/predict`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: await readFile(join(folder, 'question.json')),
    });
    expect([last.status, seen(await last.text())]).toEqual([200, digit]);
  } finally {
    for (const child of children) child.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  }
}, 240_000);

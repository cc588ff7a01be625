/** From nothing to the first answer: a fresh process each time, weights and model on the disk. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ForwardCase } from '../cases/case.ts';
import { infer } from '../cases/infer.ts';
import { contenders, judgeAmong } from '../contenders.ts';
import { compareOutputs } from '../harness/compare.ts';
import type { Host } from '../harness/launch.ts';
import { prepare } from '../harness/prepare.ts';
import { decode } from '../harness/protocol.ts';
import { median } from '../harness/statistics.ts';
import { digits } from '../report/summary.ts';
import type { Sheet } from '../report/summary.ts';
import { bundle, shipped } from './programs.ts';
import type { Shipped } from './programs.ts';
import { firstLine } from './sizes.ts';

export interface ColdStart {
  readonly case: string;
  readonly contender: string;
  /** Milliseconds from loading the bundle to the answer; medians. */
  readonly sinceLoad?: number;
  /** From the start of the process. */
  readonly sinceStart?: number;
  readonly reason?: string;
}

export interface ColdOptions {
  readonly folder: string;
  readonly host: Host;
  readonly rounds: number;
  readonly names: readonly string[] | undefined;
  readonly progress?: (message: string) => void;
}

const coldCases = ['lenet', 'mobilenetv2'];

interface Answer {
  readonly sinceLoad: number;
  readonly sinceStart: number;
  readonly output: string;
}

export async function coldStarts(options: ColdOptions): Promise<ColdStart[]> {
  // Beside the sources, so that the bundles find the packages that stay outside.
  const out = fileURLToPath(new URL('../../out/cold', import.meta.url));
  await rm(out, { recursive: true, force: true });
  await mkdir(out, { recursive: true });
  const results: ColdStart[] = [];
  for (const name of coldCases) {
    const c = infer.find((each) => each.name === name)!;
    results.push(...(await coldCase(c, out, options)));
  }
  return results;
}

async function coldCase(
  c: ForwardCase,
  out: string,
  { folder, host, rounds, names, progress = () => undefined }: ColdOptions,
): Promise<ColdStart[]> {
  const takers = shipped.filter(({ contender }) => names?.includes(contender) ?? true);
  const needing = contenders.filter(({ needs }) => needs !== undefined);
  const files = await prepare(c, needing, folder);
  const failed = new Map<Shipped, string>();
  const answers = new Map<Shipped, Answer[]>(takers.map((each) => [each, []]));
  for (const each of takers) {
    try {
      await build(each, c, out);
    } catch (error) {
      failed.set(each, firstLine(error));
    }
  }
  for (let round = 0; round < rounds; round++) {
    for (const each of takers) {
      if (failed.has(each)) continue;
      progress(`cold ${c.name}: round ${round + 1} of ${rounds}, ${each.contender}`);
      try {
        const given = [
          join(out, `${each.contender}-${c.name}.start.mjs`),
          files.program!,
          files.onnx!,
        ];
        answers.get(each)!.push(await once(host.node, given));
      } catch (error) {
        failed.set(each, firstLine(error));
      }
    }
  }
  const able = takers.filter((each) => !failed.has(each));
  const judge = judgeAmong(able.map(({ contender }) => contender));
  const outputOf = (each: Shipped) => [decode(answers.get(each)![0]!.output)];
  const reference = able.find(({ contender }) => contender === judge);
  return takers.map((each): ColdStart => {
    const head = { case: c.name, contender: each.contender };
    const why = failed.get(each);
    if (why !== undefined) return { ...head, reason: why };
    const { reason } = compareOutputs(outputOf(each), outputOf(reference!), c.tolerance);
    if (reason !== undefined) return { ...head, reason: `wrong: ${reason}, against ${judge}` };
    const all = answers.get(each)!;
    return {
      ...head,
      sinceLoad: median(all.map((a) => a.sinceLoad)),
      sinceStart: median(all.map((a) => a.sinceStart)),
    };
  });
}

/** The bundle with the case and its reader, and a shell that looks at the clock before it loads the bundle. */
async function build(each: Shipped, c: ForwardCase, out: string): Promise<void> {
  const base = `${each.contender}-${c.name}`;
  await bundle(each, {
    outfile: join(out, `${base}.mjs`),
    platform: 'node',
    more: `
      import { infer } from './cases/infer.ts';
      import { answerOf } from './shipped/answer.ts';
      export const answer = (program, onnx) => answerOf(
        runner, infer.find((c) => c.name === '${c.name}'), program, onnx, '${each.reads}');`,
  });
  const shell = `
const begin = performance.now();
const { answer } = await import('./${base}.mjs');
const output = await answer(process.argv[2], process.argv[3]);
const end = performance.now();
const bytes = Buffer.from(output.buffer, output.byteOffset, output.byteLength);
process.stdout.write(JSON.stringify({
  sinceLoad: end - begin, sinceStart: end, output: bytes.toString('base64'),
}), () => process.exit(0));
`;
  await writeFile(join(out, `${base}.start.mjs`), shell);
}

async function once(node: string, args: readonly string[]): Promise<Answer> {
  const child = spawn(node, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let [text, noise] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (noise += chunk.toString()));
  const code = await new Promise((resolve) => child.once('close', resolve));
  const complaint = noise.split('\n').find((line) => line.includes('Error'));
  if (code !== 0) throw new Error(complaint ?? `ended with ${String(code)}`);
  return JSON.parse(text.slice(text.indexOf('{"sinceLoad"'))) as Answer;
}

export function coldSheet(starts: readonly ColdStart[]): Sheet {
  const names = [...new Set(starts.map(({ case: name }) => name))];
  const takers = [...new Set(starts.map(({ contender }) => contender))];
  const find = (contender: string, name: string) =>
    starts.find((s) => s.contender === contender && s.case === name);
  return {
    title: 'Cold start: milliseconds to the first answer',
    head: ['contender', ...names.flatMap((name) => [name, `${name}, whole process`])],
    rows: takers.map((contender) => [
      contender,
      ...names.flatMap((name) => {
        const found = find(contender, name);
        return [digits(found?.sinceLoad ?? NaN), digits(found?.sinceStart ?? NaN)];
      }),
    ]),
    notes: starts.flatMap(({ case: name, contender, reason }) =>
      reason ? [`${contender} is out of ${name}: ${reason}`] : [],
    ),
  };
}

/** From nothing to the first answer: a fresh process each time, weights and model on the disk. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ForwardCase } from '../cases/case.ts';
import { compiledName, contenders, judgeAmong } from '../contenders.ts';
import { compareOutputs } from '../harness/compare.ts';
import type { Host } from '../harness/launch.ts';
import { prepare } from '../harness/prepare.ts';
import { decode } from '../harness/protocol.ts';
import { median } from '../harness/statistics.ts';
import { digits } from '../report/summary.ts';
import type { Sheet } from '../report/summary.ts';
import { compileCase, servedCases } from './compiled.ts';
import { bundle, shipped, sources } from './programs.ts';
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
  for (const c of servedCases) results.push(...(await coldCase(c, out, options)));
  return results;
}

async function coldCase(
  c: ForwardCase,
  out: string,
  { folder, host, rounds, names, progress = () => undefined }: ColdOptions,
): Promise<ColdStart[]> {
  const takers = takersOf(c).filter(({ contender }) => names?.includes(contender) ?? true);
  const needing = contenders.filter(({ needs }) => needs !== undefined);
  const files = await prepare(c, needing, folder);
  const failed = new Map<Taker, string>();
  const answers = new Map<Taker, Answer[]>(takers.map((each) => [each, []]));
  for (const each of takers) {
    try {
      await each.build(join(out, `${each.contender}-${c.name}`));
    } catch (error) {
      failed.set(each, firstLine(error));
    }
  }
  for (let round = 0; round < rounds; round++) {
    for (const each of takers) {
      if (failed.has(each)) continue;
      progress(`cold ${c.name}: round ${round + 1} of ${rounds}, ${each.contender}`);
      try {
        const shell = join(out, `${each.contender}-${c.name}`, 'start.mjs');
        const given = [shell, files.program!, files.onnx!];
        answers.get(each)!.push(await once(host.node, given));
      } catch (error) {
        failed.set(each, firstLine(error));
      }
    }
  }
  const able = takers.filter((each) => !failed.has(each));
  const judge = judgeAmong(able.map(({ contender }) => contender));
  const outputOf = (each: Taker) => [decode(answers.get(each)![0]!.output)];
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

interface Taker {
  readonly contender: string;
  /** Makes the folder of its program: `start.mjs` and what that loads. */
  build(folder: string): Promise<void>;
}

function takersOf(c: ForwardCase): Taker[] {
  const libraries = shipped.map(({ contender, entry, reads }): Taker => {
    const whole = `
      ${entry}
      import { infer } from './cases/infer.ts';
      import { answerOf } from './shipped/answer.ts';
      const wanted = infer.find((c) => c.name === '${c.name}');
      export const answer = (program, onnx) =>
        answerOf(runner, wanted, program, onnx, '${reads}');`;
    return { contender, build: (folder) => writeProgram(whole, folder) };
  });
  const compiled: Taker = {
    contender: compiledName,
    async build(folder) {
      await compileCase(c, 'node', folder);
      const entry = `
        import { loadModel } from './index.js';
        import { inputOf } from '${sources}/shipped/answer.ts';
        export const answer = async (program) => {
          const [name, input] = await inputOf(program);
          return (await loadModel()).run({ [name]: input }).output.data;
        };`;
      await writeProgram(entry, folder, folder);
    },
  };
  return [compiled, ...libraries];
}

/** The bundle, and a shell that looks at the clock before it loads it. */
async function writeProgram(entry: string, out: string, folder?: string): Promise<void> {
  const outfile = join(out, 'bundle.mjs');
  await bundle(entry, { outfile, platform: 'node', ...(folder !== undefined && { folder }) });
  const shell = `
const begin = performance.now();
const { answer } = await import('./bundle.mjs');
const output = await answer(process.argv[2], process.argv[3]);
const end = performance.now();
const bytes = Buffer.from(output.buffer, output.byteOffset, output.byteLength);
process.stdout.write(JSON.stringify({
  sinceLoad: end - begin, sinceStart: end, output: bytes.toString('base64'),
}), () => process.exit(0));
`;
  await writeFile(join(out, 'start.mjs'), shell);
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

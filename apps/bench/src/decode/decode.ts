/** Tokens a second of cached decoding: one text, token by token. */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cpu } from '@hebb/backend-cpu';
import { withBackend } from '@hebb/core';
import { pastFunctions } from '@hebb/layers-transformer';
import { toOnnx } from '@hebb/onnx';
import { digits } from '../report/summary.ts';
import type { Sheet } from '../report/summary.ts';
import { median } from '../harness/statistics.ts';
import { capacity, decoderModel, promptLength, textLength } from './model.ts';

const contenders = [
  { name: 'hebb', threads: 1 },
  { name: 'ort', threads: 1 },
  { name: 'hebb-2', threads: 2 },
  { name: 'ort-2', threads: 2 },
] as const;

export interface DecodeResult {
  readonly contender: string;
  /** Tokens a second after the first one, the median of the rounds. */
  readonly tokensPerSecond?: number;
  readonly reason?: string;
}

export interface Answer {
  readonly tokens?: readonly number[];
  readonly milliseconds?: number;
  readonly error?: string;
}

export interface DecodeOptions {
  readonly folder: string;
  readonly rounds: number;
  readonly names: readonly string[] | undefined;
  readonly progress: (message: string) => void;
}

/** The next thing that the process says; it is lost where it ends instead. */
async function answerOf(child: ChildProcess): Promise<Answer> {
  const waiting = new AbortController();
  const { signal } = waiting;
  const said = once(child, 'message', { signal }).then(([message]) => message as Answer);
  const ended = once(child, 'exit', { signal }).then(() => ({ error: 'the process ended' }));
  try {
    return await Promise.race([said, ended]);
  } finally {
    waiting.abort();
    await Promise.allSettled([said, ended]);
  }
}

/** Each contender in a process of its own; they take turns, after one that warms up. */
export async function measureDecoding(options: DecodeOptions): Promise<DecodeResult[]> {
  const { folder, rounds, names, progress } = options;
  const known = contenders.map(({ name }) => name as string);
  const unknown = names?.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new Error(`no contender ${unknown}: ${known.join(', ')}`);
  const chosen = contenders.filter(({ name }) => names === undefined || names.includes(name));

  progress('decode: exporting');
  const file = join(folder, 'decode.onnx');
  const { run, input } = pastFunctions(decoderModel()).decoder;
  const how = { input, opset: 20 };
  await writeFile(file, await withBackend(cpu(), () => toOnnx(run, how)));

  const running: { name: string; child: ChildProcess; times: number[]; reason?: string }[] = [];
  try {
    for (const { name, threads } of chosen) {
      progress(`decode: loading ${name}`);
      const child = fork(join(import.meta.dirname, 'child.ts'), [name, String(threads), file], {
        execArgv: [...process.execArgv],
      });
      const { error } = await answerOf(child);
      running.push({ name, child, times: [], ...(error !== undefined && { reason: error }) });
    }
    let text: string | undefined;
    for (let round = -1; round < rounds; round++) {
      for (const each of running) {
        if (each.reason !== undefined) continue;
        progress(`decode: ${each.name}, ${round < 0 ? 'warming up' : `round ${round + 1}`}`);
        each.child.send({});
        const { tokens = [], milliseconds, error } = await answerOf(each.child);
        if (error !== undefined) each.reason = error;
        else {
          // All write the same, or they do not do the same work.
          text ??= tokens.join(' ');
          if (tokens.join(' ') !== text) each.reason = 'writes another text';
          if (round >= 0) each.times.push(milliseconds!);
        }
      }
    }
  } finally {
    for (const { child } of running) child.kill();
  }
  return running.map(({ name: contender, times, reason }) =>
    reason === undefined
      ? { contender, tokensPerSecond: ((textLength - 1) * 1000) / median(times) }
      : { contender, reason },
  );
}

export function decodeSheet(results: readonly DecodeResult[]): Sheet {
  const of = (name: string): number | undefined =>
    results.find(({ contender }) => contender === name)?.tokensPerSecond;
  const ratio = (own: string, other: string): string => {
    const [a, b] = [of(own), of(other)];
    return a === undefined || b === undefined ? '' : `${(a / b).toFixed(2)}× ${other}`;
  };
  return {
    title: 'Cached decoding: tokens a second',
    head: ['case', ...contenders.map(({ name }) => name), 'vs ort', 'vs ort-2'],
    rows: [
      [
        'decoder',
        ...contenders.map(({ name }) => digits(of(name) ?? NaN)),
        ratio('hebb', 'ort'),
        ratio('hebb-2', 'ort-2'),
      ],
    ],
    notes: [
      `the decoder of \`infer\` writes ${textLength} tokens behind ${promptLength}, greedily, the same for all; ` +
        `hebb's cache holds ${capacity} from the start, that of onnxruntime-web grows`,
      ...results.flatMap(({ contender, reason }) =>
        reason === undefined ? [] : [`${contender} is out: ${reason}`],
      ),
    ],
  };
}

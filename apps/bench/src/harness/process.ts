/** The parent's side: a contender's process, asked one thing at a time. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { answerStream } from './protocol.ts';
import type { Answer, Command } from './protocol.ts';

/** A contender cannot do what it was asked to. */
export class ContenderError extends Error {}

type AnswerTo<C extends Command> = Extract<Answer, { did: C['do'] }>;

export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Milliseconds until its first answer, where they are other ones than the contest's. */
  readonly patience?: number;
}

export class ContenderProcess {
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  readonly #exit: Promise<string>;
  #noise = '';

  constructor({ command, args, env }: Launch) {
    this.#child = spawn(command, args, {
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    this.#exit = new Promise((resolve) => {
      this.#child.once('error', (error) => resolve(error.message));
      this.#child.once('close', (code, signal) => resolve(`ended with ${signal ?? code}`));
    });
    const note = (chunk: Buffer) => {
      this.#noise = `${this.#noise}${chunk.toString()}`.slice(-2000);
    };
    this.#child.stdout!.on('data', note);
    this.#child.stderr!.on('data', note);
    // A dead child is noticed by its missing answer.
    this.#child.stdin!.on('error', () => undefined);
    const answers = createInterface({ input: this.#child.stdio[answerStream] as Readable });
    this.#answers = answers[Symbol.asyncIterator]();
  }

  /**
   * Sends a command and waits for its answer.
   * @throws ContenderError with what the child says, or that it died or took too long.
   */
  async ask<C extends Command>(command: C, timeout = 600_000): Promise<AnswerTo<C>> {
    this.#child.stdin!.write(`${JSON.stringify(command)}\n`);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), timeout);
    });
    const next = await Promise.race([this.#answers.next(), late]);
    clearTimeout(timer);
    if (next === 'late') {
      this.kill();
      throw new ContenderError(`no answer to ${command.do} within ${timeout / 1000} s`);
    }
    if (next.done) {
      const lines = this.#noise.trim().split('\n');
      const noise = lines.findLast((line) => line.includes('Error')) ?? lines.at(-1)!;
      throw new ContenderError(`the process ${await this.#exit}${noise && `: ${noise}`}`);
    }
    const answer = JSON.parse(next.value) as Answer;
    if (answer.did === 'fail') throw new ContenderError(answer.message);
    return answer as AnswerTo<C>;
  }

  /** Ends the process: politely, asking for its peak memory. */
  async finish(): Promise<number> {
    const { peakBytes } = await this.ask({ do: 'finish' }, 10_000);
    await this.#exit;
    return peakBytes;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}

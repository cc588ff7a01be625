/** One case, all contenders: loaded and checked first, then timed in turns. */
import type { Case } from '../cases/case.ts';
import { checkedSteps } from '../cases/case.ts';
import { record } from '../cases/work.ts';
import { judgeAmong } from '../contenders.ts';
import type { Contender } from '../contenders.ts';
import { compareOutputs } from './compare.ts';
import { launchOf, unavailable } from './launch.ts';
import type { Host } from './launch.ts';
import { prepare } from './prepare.ts';
import { ContenderError, ContenderProcess } from './process.ts';
import type { Launch } from './process.ts';
import { decode } from './protocol.ts';
import { median } from './statistics.ts';

export interface ContestOptions {
  readonly rounds: number;
  /** Of one contender's turn in a round. */
  readonly milliseconds: number;
  /** Of all its turns: slow contenders get fewer rounds. */
  readonly budget: number;
  /** Milliseconds that loading and the first answers may take. */
  readonly patience: number;
  readonly host: Host;
  /** For files that contenders read. */
  readonly folder: string;
  readonly progress?: (message: string) => void;
  /** Starts a contender's process; the real one when left out. */
  readonly launch?: (contender: Contender, host: Host) => Launch;
}

export type Result =
  | {
      readonly contender: string;
      readonly status: 'timed';
      /** Median of the rounds' medians. */
      readonly milliseconds: number;
      readonly rounds: readonly number[];
      /** From weights in memory (or a file) to the first answer. */
      readonly first: number;
      readonly peakBytes: number;
      /** See `compareOutputs`. */
      readonly error: number;
      readonly judge: string;
    }
  | {
      readonly contender: string;
      /** It cannot take part, or its numbers are wrong. */
      readonly status: 'skipped' | 'wrong';
      readonly reason: string;
    };

export interface CaseResult {
  readonly family: Case['family'];
  readonly case: string;
  readonly flops: number;
  readonly results: readonly Result[];
}

interface Entrant {
  readonly contender: Contender;
  readonly process: ContenderProcess;
  readonly first: number;
  readonly outputs: readonly Float32Array[];
}

export async function contest(
  c: Case,
  contenders: readonly Contender[],
  options: ContestOptions,
): Promise<CaseResult> {
  const { progress = () => undefined } = options;
  const results = new Map<string, Result>();
  const able = contenders.filter((contender) => {
    const reason = contender.families.includes(c.family)
      ? unavailable(contender, options.host)
      : c.family === 'train'
        ? 'does not train'
        : 'does not take part';
    if (reason === undefined) return true;
    results.set(contender.name, { contender: contender.name, status: 'skipped', reason });
    return false;
  });
  progress(`${c.family} ${c.name}: preparing`);
  const files = await prepare(c, able, options.folder);
  const entrants: Entrant[] = [];
  try {
    for (const contender of able) {
      progress(`${c.family} ${c.name}: loading ${contender.name}`);
      const launch = (options.launch ?? launchOf)(contender, options.host);
      const started = new ContenderProcess(launch);
      try {
        const calls = c.family === 'train' ? checkedSteps : 1;
        const { family, name } = c;
        const { first, outputs } = await started.ask(
          { do: 'load', family, name, files, calls },
          launch.patience ?? options.patience,
        );
        entrants.push({ contender, process: started, first, outputs: outputs.map(decode) });
      } catch (error) {
        started.kill();
        if (!(error instanceof ContenderError)) throw error;
        const { name } = contender;
        results.set(name, { contender: name, status: 'skipped', reason: error.message });
      }
    }
    const judge = judgeAmong(entrants.map(({ contender }) => contender.name));
    const reference = entrants.find(({ contender }) => contender.name === judge);
    const errors = new Map<Entrant, number>();
    for (const entrant of entrants) {
      const { name } = entrant.contender;
      const { error, reason } = compareOutputs(entrant.outputs, reference!.outputs, c.tolerance);
      if (reason === undefined) errors.set(entrant, error);
      else {
        entrant.process.kill();
        const text = `${reason}, against ${judge}`;
        results.set(name, { contender: name, status: 'wrong', reason: text });
      }
    }
    const timed = await timeInTurns([...errors.keys()], c, options, (entrant, reason) => {
      const { name } = entrant.contender;
      results.set(name, { contender: name, status: 'skipped', reason });
    });
    for (const [entrant, rounds] of timed) {
      const { name } = entrant.contender;
      if (results.has(name)) continue;
      results.set(name, {
        contender: name,
        status: 'timed',
        milliseconds: median(rounds),
        rounds,
        first: entrant.first,
        peakBytes: await entrant.process.finish(),
        error: errors.get(entrant)!,
        judge: judge!,
      });
    }
  } finally {
    for (const entrant of entrants) entrant.process.kill();
  }
  return {
    family: c.family,
    case: c.name,
    flops: record(c).recorder.flops,
    results: contenders.map(({ name }) => results.get(name)!),
  };
}

/** Medians of each contender's rounds. One turn each before the first round warms up and does not count. */
async function timeInTurns(
  entrants: readonly Entrant[],
  c: Case,
  { rounds, milliseconds, budget, progress = () => undefined }: ContestOptions,
  drop: (entrant: Entrant, reason: string) => void,
): Promise<Map<Entrant, number[]>> {
  const dropped = new Set<Entrant>();
  const medians = new Map<Entrant, number[]>(entrants.map((entrant) => [entrant, []]));
  const spent = new Map<Entrant, number>(entrants.map((entrant) => [entrant, 0]));
  for (let round = 0; round <= rounds; round++) {
    for (const entrant of entrants) {
      const mine = medians.get(entrant)!;
      if (dropped.has(entrant)) continue;
      if (round > 1 && spent.get(entrant)! > budget) continue;
      // Somebody who needs seconds for a call has warmed up in the calls that were checked.
      if (round === 0 && entrant.first > 4 * milliseconds) continue;
      progress(`${c.family} ${c.name}: round ${round} of ${rounds}, ${entrant.contender.name}`);
      const start = performance.now();
      const turn = entrant.process.ask({ do: 'measure', milliseconds });
      const samples = await turn.then(
        (answer) => answer.samples,
        (error: unknown) => {
          if (!(error instanceof ContenderError)) throw error;
          dropped.add(entrant);
          drop(entrant, error.message);
          return [];
        },
      );
      spent.set(entrant, spent.get(entrant)! + performance.now() - start);
      if (round > 0 && samples.length > 0) mine.push(median(samples));
    }
  }
  return medians;
}

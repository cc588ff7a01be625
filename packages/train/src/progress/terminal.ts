/** Progress on standard error: a bar on a terminal, a plain line for each epoch elsewhere. */
import cliProgress from 'cli-progress';
import { formatEpoch, formatMetrics, formatNumber, formatSeconds, silent } from './progress.ts';
import type { EpochRecord, Progress, Reporter } from './progress.ts';
import type { ProgressStyle } from './silent.ts';

export function reporterFor(style: ProgressStyle): Reporter {
  const { stderr } = process;
  if (style === 'none') return silent;
  const bar = style === 'bar' || (style === 'auto' && stderr.isTTY === true);
  return bar ? barOn(stderr) : linesOn(stderr);
}

/** One line for each epoch. */
export function linesOn(stream: { write(text: string): unknown }): Reporter {
  return {
    epoch: (record, epochs) => void stream.write(`${formatEpoch(record, epochs)}\n`),
  };
}

/** A bar for the epoch that runs, above it a line for each one that is over. */
export function barOn(stream: NodeJS.WritableStream): Reporter {
  let bar: cliProgress.SingleBar | undefined;
  const payload = (progress: Progress) => ({
    epoch: `${progress.epoch}/${progress.epochs}`,
    numbers: [`loss ${formatNumber(progress.loss)}`, formatMetrics(progress.metrics)]
      .filter((part) => part !== '')
      .join('  '),
    rate: `${formatNumber(progress.samplesPerSecond)}/s`,
    left: formatSeconds(progress.secondsLeft),
  });
  const stop = (): void => {
    bar?.stop();
    bar = undefined;
  };
  return {
    step: (progress) => {
      if (bar === undefined) {
        bar = new cliProgress.SingleBar({
          format: 'epoch {epoch} {bar} {value}/{total}  {numbers}  {rate}  {left} left',
          stream,
          // A run ended with Ctrl-C leaves the terminal as it was.
          hideCursor: false,
          clearOnComplete: true,
          barsize: 20,
          barCompleteChar: '█',
          barIncompleteChar: '░',
        });
        bar.start(progress.steps, progress.step, payload(progress));
      }
      bar.update(progress.step, payload(progress));
    },
    epoch: (record: EpochRecord, epochs) => {
      stop();
      stream.write(`${formatEpoch(record, epochs)}\n`);
    },
    end: stop,
  };
}

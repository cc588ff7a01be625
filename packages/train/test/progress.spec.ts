import { Writable } from 'node:stream';
import { formatEpoch, formatMetrics, formatNumber, formatSeconds } from '../src/index.ts';
import type { EpochRecord, Progress } from '../src/index.ts';
import { barOn, linesOn, reporterFor } from '../src/progress/terminal.ts';
import { reporterFor as reporterWithoutTerminal } from '../src/progress/silent.ts';

const record: EpochRecord = {
  epoch: 2,
  loss: 0.123456,
  metrics: { accuracy: 0.98765, mae: 12.5 },
  validation: { loss: 0.2, metrics: { accuracy: 0.97 } },
  lr: 0.1,
  samples: 100,
  seconds: 65.4,
  samplesPerSecond: 1234.5678,
};
const progress: Progress = {
  epoch: 2,
  epochs: 10,
  step: 3,
  steps: 20,
  loss: 0.5,
  metrics: { accuracy: 0.75 },
  samplesPerSecond: 321.4,
  secondsLeft: 61,
};

/** A terminal that remembers what was written. */
function terminal() {
  let text = '';
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      text += chunk.toString();
      done();
    },
  });
  return { stream: Object.assign(stream, { isTTY: true, columns: 120 }), text: () => text };
}

describe('numbers', () => {
  it('are shown with the digits that count', () => {
    expect([0, 1.23456, 12345.678, 1.5e-5, 2e7, NaN, -Infinity].map(formatNumber)).toEqual([
      '0.000',
      '1.235',
      '12345.7',
      '1.500e-5',
      '2.000e+7',
      'NaN',
      '-Infinity',
    ]);
    expect([0, 59.6, 61, 3661, Infinity].map(formatSeconds)).toEqual([
      '0:00',
      '1:00',
      '1:01',
      '1:01:01',
      '-',
    ]);
    expect(formatMetrics({ accuracy: 0.5, top5Accuracy: 1, mae: 2 }, 'val ')).toBe(
      'val accuracy 50.00%  val top5Accuracy 100.00%  val mae 2.000',
    );
  });
});

describe('progress', () => {
  const line =
    'epoch  2/10  loss 0.1235  accuracy 98.77%  mae 12.50  val loss 0.2000  val accuracy 97.00%  ' +
    '1234.6 samples/s  1:05';

  it('is a line for each epoch where there is no terminal', () => {
    expect(formatEpoch(record, 10)).toBe(line);
    const written: string[] = [];
    const reporter = linesOn({ write: (text: string) => written.push(text) });
    reporter.step?.(progress);
    reporter.epoch?.(record, 10);
    reporter.end?.();
    expect(written).toEqual([`${line}\n`]);
  });

  it('is a bar on a terminal, which the line of the epoch replaces', () => {
    const { stream, text } = terminal();
    const reporter = barOn(stream);
    reporter.step?.(progress);
    reporter.step?.({ ...progress, step: 4, loss: 0.25 });
    expect(text()).toContain('epoch 2/10');
    expect(text()).toMatch(
      /█+░+ 3\/20 {2}loss 0\.5000 {2}accuracy 75\.00% {2}321\.4\/s {2}1:01 left/,
    );
    reporter.epoch?.(record, 10);
    reporter.end?.();
    expect(text().endsWith(`${line}\n`)).toBe(true);
  });

  it('is nothing on request and where there is no terminal to speak of', () => {
    expect(reporterFor('none')).toEqual({});
    expect(reporterWithoutTerminal('bar')).toEqual({});
  });
});

import { wasm } from '@hebb/backend-wasm';
import { init } from '@hebb/core';
import { MissingData, passengers } from './data.ts';
import { baselines, train } from './forecast.ts';
import { lineChart } from './plot.ts';

const task = await passengers().catch((error: unknown) => {
  if (error instanceof MissingData) return undefined;
  throw error;
});

if (task === undefined) it.skip('needs the series in datasets/tabular', () => undefined);
else {
  it('a short training beats the last value and the season before', async () => {
    await init(wasm());
    const options = { epochs: 25, hidden: 16, seed: 0, progress: 'none' } as const;
    const { errors, line } = await train('GRU', task, options);
    for (const { rmse } of baselines(task)) expect(errors.rmse).toBeLessThan(rmse);
    expect(line.points).toHaveLength(task.horizon * Math.ceil(task.test.length / task.horizon));
  }, 60_000);
}

it('draws lines with gaps where steps are missing', () => {
  const svg = lineChart('a < b', 'm', [
    {
      name: 'x',
      colour: 'red',
      points: [
        [0, 1],
        [1, 2],
        [5, 3],
      ],
    },
  ]);
  expect(svg).toContain('a &lt; b');
  expect(svg.match(/ d="([^"]*)"/)![1]!.replaceAll(/[\d.\s]+/g, '')).toBe('MLM');
});

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cpu } from '@hebb/backend-cpu';
import { init, tensor } from '@hebb/core';
import { hasData } from '../common/data.ts';
import { execute } from '../common/example.ts';
import { parseOptions } from '../common/options.ts';
import { forecasting } from './forecasting.ts';
import { errorsOf, measuredLoss } from './train.ts';

const tables = ['daily-min-temperatures', 'airline-passengers', 'pollution'].map(
  (name) => `datasets/tabular/${name}.csv`,
);

(hasData(...tables) ? it : it.skip)(
  'a short training beats the last value and the season before on every series',
  async () => {
    const out = await mkdtemp(join(tmpdir(), 'hebb-forecasting-'));
    try {
      const options = parseOptions(['--quick', '--no-worker'], forecasting.options)!;
      const result = await execute(forecasting, options, () => undefined, out);
      expect(result.failures).toEqual([]);
      const judged = result.measures.filter(({ atMost }) => atMost !== undefined);
      expect(judged.map(({ what }) => what)).toEqual(
        ['temperatures', 'passengers', 'pollution'].flatMap((name) => [
          `${name}: LSTM, RMSE`,
          `${name}: GRU, RMSE`,
        ]),
      );
      const dust = await readFile(join(out, 'pollution.svg'), 'utf8');
      for (const text of ['fine dust', 'measured', 'LSTM', 'GRU', 'µg/m³', 'hour']) {
        expect(dust).toContain(text);
      }
    } finally {
      await rm(out, { recursive: true });
    }
  },
);

it('counts only what was measured', async () => {
  const task = {
    horizon: 2,
    testStart: 1,
    values: [0, 1, 1, 7],
    measured: [true, true, false, true],
    test: { length: 2 },
  };
  // Steps 1 and 2, then 2 and 3: step 2 was not measured.
  const { mae, rmse, ahead } = errorsOf('always 4', task, () => 4);
  expect([mae, rmse]).toEqual([3, 3]);
  expect(ahead).toEqual([3, 3]);

  await init(cpu());
  const flag = (value: number): number => (value === 0 ? -2 : 0.2);
  const target = tensor([5, flag(1), 9, flag(0)], { shape: [1, 2, 2] });
  const loss = measuredLoss(tensor([3, 3], { shape: [1, 2, 1] }), target);
  expect((await loss.data())[0]).toBeCloseTo(4, 5);
});

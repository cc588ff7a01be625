/**
 * A run in a process of its own: `kill-child.ts FOLDER RESULT MOST`. Says each update, stands still after MOST of
 * them, writes what it ends with.
 */
import { writeFileSync } from 'node:fs';
import { init } from '@hebb/core';
import { cpu } from '@hebb/backend-cpu';
import { checkpointFolder } from '../src/node.ts';
import { batchSize, clusters, samples, stateOf, trainerOf } from './run.ts';

const [folder, result, most] = process.argv.slice(2) as [string, string, string];
let said = 0;
await init(cpu());
const trainer = trainerOf({
  ...(folder !== '' && { checkpoint: { store: checkpointFolder(folder), everySteps: 1 } }),
  callbacks: [
    {
      stepEnd: ({ updates }) => {
        process.stdout.write(`${updates}\n`);
        said += 1;
        if (said >= Number(most)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
      },
    },
  ],
});
await trainer.fit(clusters(samples), {
  epochs: 14,
  batchSize,
  validation: clusters(20, 2),
  progress: 'none',
  resume: folder !== '',
});
writeFileSync(result, JSON.stringify(await stateOf(trainer)));

/** What a thread of `workerDataset` runs. */

import { parentPort, workerData } from 'node:worker_threads';
import { fetchBatch } from '../dataset/dataset.ts';
import { DataError, reasonOf } from '../error.ts';
import type { NDArray } from '../ndarray.ts';
import { buildDataset } from './dataset-source.ts';
import type { BatchRequest, BuildRequest, Reply } from './dataset-source.ts';

const port = parentPort;
if (port === null) throw new Error('this module is the main one of a worker thread');

const send = (reply: Reply, transfer: readonly ArrayBuffer[] = []): void =>
  port.postMessage(reply, transfer);
const told = (error: unknown) => ({
  message: reasonOf(error),
  ...(error instanceof DataError && { dataKind: error.kind }),
});

try {
  const dataset = await buildDataset(workerData as BuildRequest);
  port.on('message', ({ id, indices, epoch }: BatchRequest) => {
    try {
      const transfer: ArrayBuffer[] = [];
      const batch = Object.entries<NDArray>(fetchBatch(dataset, indices, epoch)).map(
        ([name, { data, shape, dtype }]) => {
          // A copy, as the data set may keep what it gave; and a moved array is lost to whoever had it.
          const own = data.slice();
          transfer.push(own.buffer as ArrayBuffer);
          return [name, { data: own, shape, dtype }] as const;
        },
      );
      send({ kind: 'batch', id, batch: Object.fromEntries(batch) }, transfer);
    } catch (error) {
      send({ kind: 'error', id, ...told(error) });
    }
  });
  send({ kind: 'ready', length: dataset.length });
} catch (error) {
  send({ kind: 'failed', ...told(error) });
}

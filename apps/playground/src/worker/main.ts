/** The worker: owns backend and tensors, so that the page stays free. */
import { expose, proxy } from 'comlink';
import { startBackend } from './backend.ts';
import type { BackendName, Where } from './backend.ts';
import { works } from './works.ts';
import type { WorkName } from './works.ts';

let where: Where | undefined;

const host = {
  start: async (backend: BackendName): Promise<Where> => (where = await startBackend(backend)),
  async open(name: WorkName) {
    if (where === undefined) throw new Error('start comes before open');
    const work: { create(where: Where): object | Promise<object> } = await works[name]();
    return proxy(await work.create(where));
  },
};

export type Host = typeof host;

expose(host);

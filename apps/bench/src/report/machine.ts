/** Where numbers come from. */
import os from 'node:os';

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly system: string;
  readonly node: string;
  readonly date: string;
}

export const machine = (node: string): Machine => ({
  processor: os.cpus()[0]?.model.trim() ?? 'unknown processor',
  cores: os.availableParallelism(),
  memoryBytes: os.totalmem(),
  system: `${os.type()} ${os.release().split('-')[0]} ${os.arch()}`,
  node,
  date: new Date().toISOString().slice(0, 10),
});

export const describeMachine = ({ processor, cores, memoryBytes, system, node }: Machine): string =>
  `${processor}, ${cores} cores, ${Math.round(memoryBytes / 2 ** 30)} GB, ${system}, Node ${node.replace(/^v/, '')}`;

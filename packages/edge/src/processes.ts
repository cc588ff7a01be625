/** Memory and processor time of processes, as Linux tells them. */
import { readFile, readdir } from 'node:fs/promises';

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly name: string;
  readonly bytes: number;
}

async function processOf(pid: number): Promise<Process | undefined> {
  try {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    const field = (name: string): string =>
      new RegExp(`^${name}:\\s*(\\S+)`, 'm').exec(status)?.[1] ?? '';
    return {
      pid,
      parent: Number(field('PPid')),
      name: field('Name'),
      bytes: Number(field('VmRSS')) * 1024,
    };
  } catch {
    // Gone meanwhile.
    return undefined;
  }
}

/**
 * Resident bytes of the processes below `pid` whose name begins with `name`.
 * @throws Error where there is no /proc.
 */
export async function memoryBelow(pid: number, name: string): Promise<number> {
  const pids = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry)).map(Number);
  const all = new Map<number, Process>();
  for (const each of await Promise.all(pids.map(processOf))) {
    if (each !== undefined) all.set(each.pid, each);
  }
  const isBelow = (process: Process | undefined): boolean =>
    process !== undefined && (process.parent === pid || isBelow(all.get(process.parent)));
  let bytes = 0;
  for (const process of all.values()) {
    if (process.name.startsWith(name) && isBelow(process)) bytes += process.bytes;
  }
  return bytes;
}

export interface ProcessMemory {
  /** Resident bytes that no file backs. */
  readonly anonymous: number;
  /** Resident bytes. */
  readonly resident: number;
  /** The most that were ever resident. */
  readonly peak: number;
}

/** @throws Error where there is no /proc, or no such process. */
export async function memoryOf(pid: number): Promise<ProcessMemory> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const bytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(status)?.[1] ?? NaN) * 1024;
  return { anonymous: bytes('RssAnon'), resident: bytes('VmRSS'), peak: bytes('VmHWM') };
}

/**
 * Milliseconds that the threads of a process have computed; the scheduler counts nanoseconds.
 * @throws Error where there is no /proc, or no such process.
 */
export async function cpuOf(pid: number): Promise<number> {
  let nanoseconds = 0;
  for (const thread of await readdir(`/proc/${pid}/task`)) {
    const stat = await readFile(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').catch(() => '0');
    nanoseconds += Number(stat.split(' ')[0]);
  }
  return nanoseconds / 1e6;
}

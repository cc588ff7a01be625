/** Memory of a process and what it started, as Linux tells it. */
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

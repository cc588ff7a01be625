/** How a contender's process is started. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Contender } from '../contenders.ts';
import type { Launch } from './process.ts';

export interface Host {
  /** The Node binary. */
  readonly node: string;
  readonly version: string;
  /** It runs TypeScript as it stands; else the built files are used. */
  readonly sources: boolean;
  /** Command that starts Python. */
  readonly python: string;
  /** What contenders on the graphics processor find in their environment. */
  readonly gpu?: Readonly<Record<string, string>>;
}

export function hostOf(node: string, python = 'python3'): Host {
  const { stdout, error } = spawnSync(node, ['--version'], { encoding: 'utf8' });
  if (error !== undefined) throw new Error(`${node} does not start: ${error.message}`);
  const version = stdout.trim();
  return { node, version, python, sources: Number(/^v(\d+)/.exec(version)?.[1]) >= 24 };
}

/** A Node 20 somewhere on the path. */
export function findNode20(python?: string): Host {
  const folders = (process.env.PATH ?? '').split(':').filter((f) => !f.includes('node_modules'));
  for (const folder of [...folders, '/usr/local/bin', '/usr/bin']) {
    const node = `${folder}/node`;
    if (!existsSync(node)) continue;
    const host = hostOf(node, python);
    if (host.version.startsWith('v20.')) return host;
  }
  throw new Error('there is no Node 20 on the path');
}

const here = fileURLToPath(new URL('..', import.meta.url));

/** Why the contender cannot take part on this machine, if so. */
export function unavailable({ library, variant }: Contender, { python }: Host): string | undefined {
  if (library !== 'torch') return undefined;
  if (torchVersion(python) === undefined) return 'python3 -c "import torch" fails here';
  const hasCuda = variant !== 'cuda' || cudaCard(python) !== undefined;
  return hasCuda ? undefined : 'its PyTorch has no CUDA device';
}

/** The name of the card that PyTorch computes on, where there is one. */
export function cudaCard(python: string): string | undefined {
  const print = 'import torch; print(torch.cuda.get_device_name())';
  const { status, stdout } = spawnSync(python, ['-c', print], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}

/** PyTorch's version, where that Python has it. */
export function torchVersion(python: string): string | undefined {
  const print = 'import torch; print(torch.__version__)';
  const { status, stdout } = spawnSync(python, ['-c', print], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}

export function launchOf({ name, library, variant, threads }: Contender, host: Host): Launch {
  if (library === 'torch') {
    const count = String(threads);
    return {
      command: host.python,
      args: [
        `${here.replace(/dist\/$/, 'src/')}peers/torch/bench_torch.py`,
        count,
        variant ?? 'cpu',
      ],
      env: { OMP_NUM_THREADS: count, MKL_NUM_THREADS: count, OPENBLAS_NUM_THREADS: count },
    };
  }
  // Warnings about experimental features say nothing about the work.
  const args = host.sources
    ? ['--conditions=@hebb/source', '--disable-warning=ExperimentalWarning', `${here}child.ts`]
    : [`${here.replace(/src\/$/, 'dist/')}child.js`];
  return {
    command: host.node,
    args: [...args, name],
    ...(variant === 'webgpu' && host.gpu && { env: host.gpu }),
  };
}

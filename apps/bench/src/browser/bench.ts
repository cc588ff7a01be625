/** `npm run bench -- --backend webgpu`: one adapter, every contender on it. */
import { gpuCases, smallGpuCases } from '../cases/gpu.ts';
import { families } from '../cases/index.ts';
import type { Family } from '../cases/case.ts';
import { gpuContenders, selectContenders } from '../contenders.ts';
import { contest } from '../harness/contest.ts';
import type { CaseResult, ContestOptions } from '../harness/contest.ts';
import { cudaCard } from '../harness/launch.ts';
import type { Host } from '../harness/launch.ts';
import { findAdapter } from './adapter.ts';
import type { AdapterInfo, Peak } from './adapter.ts';

export interface GpuOptions {
  readonly family: Family | undefined;
  readonly wanted: string | undefined;
  readonly names: readonly string[] | undefined;
  /** Sizes for a software adapter; left out: where the adapter is one. */
  readonly small?: boolean;
  /** The card's peak by its maker, in operations a second; measured when left out. */
  readonly peak?: number;
  readonly host: Host;
  readonly contest: Omit<ContestOptions, 'host'>;
}

export interface GpuResult {
  readonly adapter: AdapterInfo;
  readonly browser: string;
  /** What PyTorch calls the card. */
  readonly card?: string;
  readonly peak: Peak;
  /** Where the peak comes from: told, or measured by multiplying and adding alone. */
  readonly peakGiven: boolean;
  readonly small: boolean;
  readonly kernels: readonly CaseResult[];
  readonly infer: readonly CaseResult[];
  readonly train: readonly CaseResult[];
}

export async function measureGpu(options: GpuOptions): Promise<GpuResult> {
  const { family, wanted, names, host } = options;
  const chosen = selectContenders(names, gpuContenders);
  const { info, peak, browser, variables } = await findAdapter();
  const small = options.small ?? info.software;
  const all = small ? smallGpuCases : gpuCases;
  const known = families.flatMap((each) => all[each].map(({ name }) => name));
  if (wanted !== undefined && !known.includes(wanted)) {
    throw new Error(`no case ${wanted}: ${known.join(', ')}`);
  }
  const results: Record<Family, CaseResult[]> = { kernels: [], infer: [], train: [] };
  for (const each of families) {
    if (family !== undefined && family !== each) continue;
    for (const c of all[each]) {
      if (wanted !== undefined && c.name !== wanted) continue;
      const settings = { ...options.contest, host: { ...host, gpu: variables } };
      results[each].push(await contest(c, chosen, settings));
    }
  }
  const card = cudaCard(host.python);
  return {
    adapter: info,
    browser,
    ...(card !== undefined && { card }),
    // The one for 16 bits is not told.
    peak: options.peak === undefined ? peak : { ...peak, f32: options.peak },
    peakGiven: options.peak !== undefined,
    small,
    ...results,
  };
}

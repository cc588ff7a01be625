/**
 * What Cloudflare gives a worker, as https://developers.cloudflare.com/workers/platform/limits/ and
 * https://developers.cloudflare.com/kv/platform/limits/ say; read in November 2026.
 */

export type PlanName = 'free' | 'paid';
export const planNames: readonly PlanName[] = ['free', 'paid'];

export interface PlatformLimits {
  /** Bytes of all that is uploaded, not compressed. */
  readonly script: number;
  /**
   * Bytes of the same, compressed: what counted before 2026, and still does where an account or a wrangler is older.
   * Not refused, but worth knowing.
   */
  readonly compressed: number;
  /** Milliseconds of processor time to parse the script and run its top level. */
  readonly startupMs: number;
  /** Bytes that a worker may hold: JavaScript's heap, buffers and WebAssembly memories together. */
  readonly memory: number;
  /** Milliseconds of processor time that a request gets without further configuration. */
  readonly cpuMs: number;
  /** The most that `limits.cpu_ms` may ask for. */
  readonly mostCpuMs: number;
  /** Bytes of one static asset. */
  readonly asset: number;
  /** Bytes of one value of KV. */
  readonly kvValue: number;
}

const shared = {
  script: 64 * 2 ** 20,
  startupMs: 1000,
  memory: 128e6,
  asset: 25 * 2 ** 20,
  kvValue: 25 * 2 ** 20,
};

export const limits: Readonly<Record<PlanName, PlatformLimits>> = {
  free: { ...shared, compressed: 3e6, cpuMs: 10, mostCpuMs: 10 },
  paid: { ...shared, compressed: 10e6, cpuMs: 30_000, mostCpuMs: 300_000 },
};

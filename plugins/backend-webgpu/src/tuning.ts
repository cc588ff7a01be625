/** Which variant of a kernel is fastest on this device: measured once for each class of shapes, and kept. */
import type { Resource } from './bindings.ts';
import { boundBytes } from './bindings.ts';
import type { Device } from './device.ts';
import type { DispatchStep, Step } from './program.ts';
import type { Dispatch } from './wgsl/loop.ts';

/** Where results are kept beyond this process: `localStorage`, a file (`fileTuning` in `/node`), anything alike. */
export interface TuningStorage {
  getItem(key: string): string | null | Promise<string | null>;
  setItem(key: string, value: string): unknown;
}

export interface AutotuneOptions {
  /** Default: results are kept as long as the backend lives. */
  readonly storage?: TuningStorage;
  /**
   * Milliseconds that `run` takes, which puts work into the queue; default: until the queue has done it. For
   * hosts that know better, and tests.
   */
  readonly measure?: (variant: string, run: () => void) => Promise<number>;
}

/** Variants of one dispatch that compute the same. */
export interface Choice {
  /** The class of shapes. */
  readonly key: string;
  readonly variants: Readonly<Record<string, () => Dispatch>>;
  /** Operations of one dispatch: small ones are measured many times. */
  readonly flops: number;
}

/** Operations that a measurement should take at least, as often as it needs; less drowns in what starting costs. */
const worthMeasuring = 1e9;
const mostTurns = 64;
const rounds = 3;

export class Tuner {
  readonly #device: Device;
  readonly #storage: TuningStorage | undefined;
  readonly #measure: NonNullable<AutotuneOptions['measure']>;
  readonly #found = new Map<string, Promise<string>>();
  /** One measurement at a time. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(device: Device, { storage, measure }: AutotuneOptions) {
    this.#device = device;
    this.#storage = storage;
    this.#measure = measure ?? ((_, run) => this.#elapsed(run));
  }

  /** The same steps with the fastest variants in them. */
  async tuned(steps: readonly Step[]): Promise<readonly Step[]> {
    const made: Step[] = [];
    for (const step of steps) {
      if (step.kind === 'loop') {
        const [even, odd] = step.turns;
        made.push({ ...step, turns: [await this.tuned(even), await this.tuned(odd)] });
      } else if (step.kind === 'dispatch' && step.choice !== undefined) {
        const variant = await this.#variantOf(step, step.choice);
        made.push({ ...step, ...step.choice.variants[variant]!() });
      } else made.push(step);
    }
    return made;
  }

  #variantOf(step: DispatchStep, choice: Choice): Promise<string> {
    const key = `hebb webgpu ${this.#device.name} ${choice.key}`;
    let found = this.#found.get(key);
    if (found === undefined) {
      found = this.#last.then(() => this.#find(key, step, choice));
      this.#last = found.catch(() => undefined);
      this.#found.set(key, found);
      found.catch(() => this.#found.delete(key));
    }
    return found;
  }

  async #find(key: string, step: DispatchStep, choice: Choice): Promise<string> {
    const kept = await this.#storage?.getItem(key);
    if (typeof kept === 'string' && Object.hasOwn(choice.variants, kept)) return kept;
    const best = await this.#fastest(step, choice);
    await this.#storage?.setItem(key, best);
    return best;
  }

  async #fastest(step: DispatchStep, { variants, flops }: Choice): Promise<string> {
    const memory = new Map<Resource, GPUBuffer>();
    for (const { resource, start, length } of step.bindings) {
      const bytes = start + boundBytes(length);
      const old = memory.get(resource);
      if (old !== undefined && old.size >= bytes) continue;
      if (old !== undefined) this.#device.release(old);
      memory.set(resource, this.#device.allocate(bytes, 'a measurement'));
    }
    const turns = Math.min(mostTurns, Math.max(1, Math.ceil(worthMeasuring / Math.max(1, flops))));
    let best = '';
    let least = Infinity;
    try {
      for (const [variant, make] of Object.entries(variants)) {
        const run = await this.#runner({ ...step, ...make() }, memory);
        await this.#measure(variant, () => run(1));
        for (let round = 0; round < rounds; round++) {
          const took = await this.#measure(variant, () => run(turns));
          if (took < least) [best, least] = [variant, took];
        }
      }
      await this.#device.settle();
    } finally {
      for (const buffer of memory.values()) this.#device.release(buffer);
    }
    return best === '' ? Object.keys(variants)[0]! : best;
  }

  async #runner(
    { code, grid, bindings, depth, name }: DispatchStep,
    memory: ReadonlyMap<Resource, GPUBuffer>,
  ): Promise<(turns: number) => void> {
    const device = this.#device;
    const { gpu } = device;
    const writable = bindings.map((binding) => binding.writable);
    const pipeline = await device.pipeline(code, writable, depth, name);
    const group = gpu.createBindGroup({
      layout: device.groupLayout(writable),
      entries: bindings.map(({ resource, start, length }, binding) => ({
        binding,
        resource: { buffer: memory.get(resource)!, offset: start, size: boundBytes(length) },
      })),
    });
    const steps =
      depth === 0
        ? undefined
        : gpu.createBindGroup({
            layout: device.stepLayout(depth),
            entries: Array.from({ length: depth }, (_, binding) => ({
              binding,
              resource: { buffer: device.stepNumbers(1), size: 16 },
            })),
          });
    return (turns) => {
      const encoder = gpu.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      if (steps !== undefined) pass.setBindGroup(1, steps, new Array<number>(depth).fill(0));
      for (let i = 0; i < turns; i++) pass.dispatchWorkgroups(...grid);
      pass.end();
      gpu.queue.submit([encoder.finish()]);
    };
  }

  async #elapsed(run: () => void): Promise<number> {
    const { queue } = this.#device.gpu;
    await queue.onSubmittedWorkDone();
    const started = performance.now();
    run();
    await queue.onSubmittedWorkDone();
    return performance.now() - started;
  }
}

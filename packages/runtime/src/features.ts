/** What the host's WebAssembly can do, asked with the smallest modules that need it. */
import { PlayerError } from './error.ts';
import type { Plan, PlanModule } from './plan.ts';

/** WebAssembly beyond its first edition that a module may need. */
export type Feature = 'simd' | 'relaxed-simd';

/** `i32.const 0; i8x16.splat`. */
const zero = [0x41, 0, 0xfd, 0x0f];
const bodies: Readonly<Record<Feature, readonly number[]>> = {
  simd: zero,
  // f32x4.relaxed_madd
  'relaxed-simd': [...zero, ...zero, ...zero, 0xfd, 0x85, 0x02],
};

/** Whether modules that use the feature can be compiled here. */
export function supports(feature: Feature): boolean {
  const body = [0, ...bodies[feature], 0x1a, 0x0b];
  const bytes = [
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...[1, 4, 1, 0x60, 0, 0],
    ...[3, 2, 1, 0],
    ...[10, body.length + 2, 1, body.length],
    ...body,
  ];
  return WebAssembly.validate(Uint8Array.from(bytes));
}

const describe = (features: readonly Feature[]): string =>
  features.length === 0 ? 'plain WebAssembly' : features.join(' and ');

/**
 * The first of the plan's modules that this host can run.
 * @throws PlayerError `features`, with what the host has and what the modules need.
 */
export function pickModule({ name, modules }: Plan): PlanModule {
  const missing = (features: readonly Feature[]): Feature[] =>
    features.filter((feature) => !supports(feature));
  const found = modules.find(({ features }) => missing(features).length === 0);
  if (found !== undefined) return found;
  const has = (['simd', 'relaxed-simd'] as const).filter(supports);
  throw new PlayerError(
    'features',
    `model ${name} was compiled for WebAssembly that this host lacks`,
    describe(has),
    modules.map(({ features }) => describe(features)).join(', or '),
  );
}

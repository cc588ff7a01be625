/** One update of the discriminator, and of the generator where it is its turn, as a compiled function. */
import {
  Tensor,
  Variable,
  compile,
  defaultGenerator,
  fail,
  formatShape,
  random,
  sameShape,
  scalar,
} from '@hebb/core';
import type { Compiled } from '@hebb/core';
import { withMode } from '@hebb/nn';
import type { ExponentialMovingAverage } from '../average/ema.ts';
import { clipGradNorm } from '../optim/clip.ts';
import { guard } from '../trainer/steps.ts';
import { Totals } from '../trainer/totals.ts';
import type { GanTrainerOptions } from './options.ts';

/** `critic`: the discriminator alone learns; `both`: the generator after it, against what it has become. */
export type GanPhase = 'critic' | 'both';

export interface GanStepSettings extends Pick<
  GanTrainerOptions,
  | 'generator'
  | 'discriminator'
  | 'loss'
  | 'optimizers'
  | 'latentSize'
  | 'penalty'
  | 'penaltyEvery'
  | 'reconstruction'
  | 'clipGradNorm'
> {
  readonly ema?: ExponentialMovingAverage | undefined;
  /** Instance noise is part of the step. */
  readonly noisy: boolean;
}

/** Sums of a step, each to be divided by the sum of its rows. */
const sums = ['generator', 'discriminator', 'penalty', 'real score', 'fake score'] as const;
type Sum = (typeof sums)[number];

/**
 * As in PyTorch's DCGAN example: real and drawn samples go through the discriminator apart, and the generator learns
 * from the samples of the same step. A step whose losses are not finite changes nothing, and none after it does.
 */
export class GanStep {
  readonly totals = new Totals();
  /** Deviation of instance noise. */
  readonly noise = new Variable(scalar(0));
  readonly run: Compiled<
    [real: Tensor, conditions: Tensor[], phase: GanPhase, penalises: boolean],
    null
  >;
  readonly #settings: GanStepSettings;
  /** Steps since `restart`, and the first of them that failed (-1: none). */
  readonly #count = new Variable(scalar(0, 'int32'));
  readonly #failed = new Variable(scalar(-1, 'int32'));

  constructor(settings: GanStepSettings) {
    this.#settings = settings;
    this.run = compile(this.trace, { name: 'GAN step', donate: [0, 1] });
  }

  readonly trace = (
    real: Tensor,
    conditions: Tensor[],
    phase: GanPhase,
    penalises: boolean,
  ): null => {
    const { generator, discriminator, loss, optimizers, latentSize, ema } = this.#settings;
    const { penalty, penaltyEvery = 1, reconstruction } = this.#settings;
    const before = new Map<Variable, Tensor>(
      [
        ...[generator, discriminator].flatMap((m) => [...m.parameters(), ...m.buffers()]),
        ...optimizers.generator.state,
        ...optimizers.discriminator.state,
        ...(ema?.state ?? []),
        defaultGenerator.state,
      ].map((variable) => [variable, variable.value]),
    );
    const rows = real.shape[0]!;
    const latents =
      latentSize === undefined
        ? []
        : [random.normal(defaultGenerator.next(), [rows, latentSize], { dtype: real.dtype })];
    const drawn = withMode(generator, true, () => generator.forward(...latents, ...conditions));
    if (!sameShape(drawn.shape, real.shape)) {
      fail(
        'GanTrainer',
        'the generator does not draw what the data set has',
        formatShape(drawn.shape),
        formatShape(real.shape),
      );
    }
    const found = new Map<Sum, Tensor>();
    withMode(discriminator, true, () => {
      const critic = (samples: Tensor): Tensor =>
        discriminator.forward(this.#noisy(samples), ...conditions);
      const fixed = drawn.detach();
      const [realScore, fakeScore] = [critic(real), critic(fixed)];
      let value = scalarOf(loss.discriminator(realScore, fakeScore), 'discriminator');
      found.set('discriminator', value);
      found.set('real score', realScore.mean());
      found.set('fake score', fakeScore.mean());
      if (penalises && penalty !== undefined) {
        const plain = (samples: Tensor): Tensor => discriminator.forward(samples, ...conditions);
        const added = scalarOf(penalty(plain, real, fixed), 'penalty');
        found.set('penalty', added);
        value = value.add(added.mul(penaltyEvery));
      }
      this.#learn('discriminator', value);
      if (phase === 'critic') return;
      let wanted = scalarOf(loss.generator(critic(drawn)), 'generator');
      if (reconstruction !== undefined) {
        wanted = wanted.add(scalarOf(reconstruction(drawn, real), 'reconstruction'));
      }
      found.set('generator', wanted);
      this.#learn('generator', wanted);
      ema?.update();
    });

    let sound = this.#failed.value.lt(0);
    for (const value of found.values()) sound = sound.and(value.abs().lt(Infinity));
    guard(before, sound);
    this.#failed.value = this.#failed.value.where(
      sound.or(this.#failed.value.ge(0)),
      this.#count.value,
    );
    this.#count.value = this.#count.value.add(1);
    for (const [name, value] of found) {
      this.totals.add(name, value.mul(rows).where(sound, 0));
      this.totals.add(`rows ${name}`, scalar(rows).where(sound, 0));
    }
    return null;
  };

  #noisy(samples: Tensor): Tensor {
    if (!this.#settings.noisy) return samples;
    const noise = random.normal(defaultGenerator.next(), samples.shape, { dtype: samples.dtype });
    return samples.add(noise.mul(this.noise.value.to(samples.dtype)));
  }

  #learn(which: 'generator' | 'discriminator', loss: Tensor): void {
    const { optimizers, clipGradNorm: limit } = this.#settings;
    const optimizer = optimizers[which];
    const grads = optimizer.gradients(loss);
    optimizer.step(limit === undefined ? grads : clipGradNorm(grads, limit).grads);
  }

  /** Means since the totals were cleared, as far as they were read. */
  means(): Partial<Record<Sum, number>> {
    const means: Partial<Record<Sum, number>> = {};
    for (const name of sums) {
      const rows = this.totals.sums(`rows ${name}`)[0] ?? 0;
      if (rows > 0) means[name] = this.totals.sums(name)[0]! / rows;
    }
    return means;
  }

  /** Number of the first step since `restart` whose losses were not finite, if any. */
  async failed(): Promise<number | undefined> {
    const failed = await this.#failed.peek().item();
    return failed < 0 ? undefined : failed;
  }

  /** Variables of its own that hold nothing of the run between updates. */
  get passing(): Variable[] {
    return [this.#count, this.#failed, this.noise, ...this.totals.variables];
  }

  /** Counts from `first` again. */
  restart(first: number): void {
    replace(this.#count, scalar(first, 'int32'));
    replace(this.#failed, scalar(-1, 'int32'));
  }

  setNoise(std: number): void {
    replace(this.noise, scalar(std));
  }

  dispose(): void {
    this.run.dispose();
    this.totals.dispose();
  }
}

function replace(variable: Variable, value: Tensor): void {
  const old = variable.peek();
  variable.set(value);
  old.dispose();
}

function scalarOf(value: Tensor, name: string): Tensor {
  if (value instanceof Tensor && value.size === 1) return value.reshape([]);
  return fail(
    'GanTrainer',
    `the ${name} loss is not one number: reduce it with mean or sum`,
    value instanceof Tensor ? formatShape(value.shape) : typeof value,
  );
}

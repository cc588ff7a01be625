/** A generator and a discriminator that learn from each other, update by update. */
import { Generator, compile, random, tensor } from '@hebb/core';
import type { Compiled, Tensor } from '@hebb/core';
import {
  DcganDiscriminator,
  DcganGenerator,
  gradientPenalty,
  hingeLoss,
  leastSquaresLoss,
  nonSaturatingLoss,
  r1Penalty,
  wassersteinLoss,
} from '@hebb/layers-gan';
import type { AdversarialLoss } from '@hebb/layers-gan';
import { LeakyReLU, Linear, Sequential, functional, withMode } from '@hebb/nn';
import type { Layer } from '@hebb/nn';
import { Adam, ExponentialMovingAverage, interpolateLatents } from '@hebb/train';
import { cloudSampler, isCloud, pictureSampler, pictureSize } from './data.ts';
import type { CloudName, PictureName, Sampler } from './data.ts';
import { opinionSize } from './settings.ts';
import type { ContestNews, ContestOptions, ContestRates, LossName } from './settings.ts';

const lossOf: Readonly<Record<LossName, () => AdversarialLoss>> = {
  'non-saturating': nonSaturatingLoss,
  hinge: hingeLoss,
  'least squares': leastSquaresLoss,
  Wasserstein: wassersteinLoss,
};

/** Width of the noise. */
export const latentSizeOf = (target: CloudName | PictureName): number => (isCloud(target) ? 2 : 16);

function layers(sizes: readonly number[], generator: Generator): Sequential {
  return new Sequential(
    ...sizes.slice(1).flatMap((size, i): Layer[] => {
      const layer = new Linear(sizes[i]!, size, { generator });
      return i + 2 === sizes.length ? [layer] : [layer, new LeakyReLU(0.2)];
    }),
  );
}

const networks = (target: CloudName | PictureName, generator: Generator) =>
  isCloud(target)
    ? { draw: layers([2, 64, 64, 64, 2], generator), judge: layers([2, 64, 64, 64, 1], generator) }
    : {
        draw: new DcganGenerator({
          imageSize: pictureSize,
          imageChannels: 1,
          features: 16,
          latentSize: 16,
          generator,
        }),
        judge: new DcganDiscriminator({
          imageSize: pictureSize,
          imageChannels: 1,
          features: 16,
          norm: 'none',
          generator,
        }),
      };

function opinionPlaces(): Tensor {
  const at = (i: number): number => 1.2 * ((2 * (i + 0.5)) / opinionSize - 1);
  const places = new Float32Array(2 * opinionSize ** 2);
  for (let i = 0; i < opinionSize ** 2; i++) {
    places[2 * i] = at(i % opinionSize);
    places[2 * i + 1] = -at(Math.floor(i / opinionSize));
  }
  return tensor(places, { shape: [opinionSize ** 2, 2] });
}

export class Contest {
  readonly options: ContestOptions;
  readonly #sample: Sampler;
  readonly #shape: readonly number[];
  readonly #average: ExponentialMovingAverage;
  readonly #optimizers: { readonly draw: Adam; readonly judge: Adam };
  readonly #step: Compiled<[real: Tensor], { draw: Tensor; judge: Tensor }>;
  readonly #draw: Compiled<[z: Tensor], Tensor>;
  readonly #opinion: Compiled<[places: Tensor], Tensor>;
  readonly #places = opinionPlaces();
  #updates = 0;
  #sums = { draw: 0, judge: 0, count: 0 };

  constructor(options: ContestOptions) {
    this.options = options;
    const { target, seed, loss: lossName } = options;
    const cloud = isCloud(target);
    this.#sample = cloud ? cloudSampler(target, seed) : pictureSampler(target, seed);
    this.#shape = cloud ? [2] : [1, pictureSize, pictureSize];
    const { draw, judge } = networks(target, new Generator(seed));
    const loss = lossOf[lossName]();
    // Small networks see clusters only where these are apart from each other by about their own weights.
    const unit = cloud ? 6 : 1;
    const betas = [cloud ? 0 : 0.5, 0.99] as const;
    const optimizers = {
      draw: new Adam({ lr: 1e-3, betas }).attach(draw.parameters()),
      judge: new Adam({ lr: 1e-3, betas }).attach(judge.parameters()),
    };
    this.#optimizers = optimizers;
    // What is shown is the running average of the generator: it does not jump about.
    const average = new ExponentialMovingAverage(draw.parameters(), {
      decay: cloud ? 0.98 : 0.99,
      warmup: true,
    });
    const noise = new Generator(seed + 1);
    this.#average = average;
    this.#step = compile(
      (real: Tensor) => {
        const z = random.normal(noise.next(), [real.shape[0]!, latentSizeOf(target)]);
        const critic = (samples: Tensor): Tensor => judge.forward(samples.mul(unit));
        const drawn = withMode(draw, true, () => draw.forward(z)).div(unit);
        const fixed = drawn.detach();
        const judged = loss.discriminator(critic(real), critic(fixed));
        // Slopes are held down, or the discriminator runs away: R1, or for Wasserstein's critic a slope of 1.
        const held =
          lossName === 'Wasserstein'
            ? gradientPenalty(critic, real, fixed, {
                weight: cloud ? 1 : 10,
                mix: random.uniform(noise.next(), [real.shape[0]!]),
              })
            : r1Penalty(critic, real, { weight: cloud ? 0.01 : 1 });
        optimizers.judge.minimize(judged.add(held));
        const wanted = loss.generator(critic(drawn));
        optimizers.draw.minimize(wanted);
        average.update();
        return { draw: wanted, judge: judged };
      },
      { name: 'GAN step' },
    );
    this.#draw = compile((z: Tensor) => withMode(draw, false, () => draw.forward(z)).div(unit), {
      name: 'GAN samples',
    });
    this.#opinion = compile(
      (places: Tensor) => functional.sigmoid(judge.forward(places.mul(unit))),
      {
        name: 'GAN opinion',
      },
    );
  }

  set rates({ generator, discriminator }: ContestRates) {
    this.#optimizers.draw.lr = generator;
    this.#optimizers.judge.lr = discriminator;
  }

  async advance(count: number): Promise<void> {
    const { batch } = this.options;
    for (let k = 0; k < count; k++) {
      const real = tensor(this.#sample(batch), { shape: [batch, ...this.#shape] });
      const made = await this.#step(real);
      this.#updates += 1;
      // The last update tells how things stand; reading every one would wait for each.
      if (k + 1 === count) {
        this.#sums.draw += Number(await made.draw.item());
        this.#sums.judge += Number(await made.judge.item());
        this.#sums.count += 1;
      }
      for (const each of [real, made.draw, made.judge]) each.dispose();
    }
  }

  news(): ContestNews {
    const { draw, judge, count } = this.#sums;
    this.#sums = { draw: 0, judge: 0, count: 0 };
    return { updates: this.#updates, generator: draw / count, discriminator: judge / count };
  }

  /** Real samples, apart from those that are learnt from. */
  real(count: number): Float32Array<ArrayBuffer> {
    const { target, seed } = this.options;
    const make = isCloud(target) ? cloudSampler : pictureSampler;
    return (make as (name: CloudName | PictureName, seed: number) => Sampler)(
      target,
      seed + 77,
    )(count);
  }

  /** What the generator makes of the noise of a seed. */
  async samples(count: number, seed: number): Promise<Float32Array<ArrayBuffer>> {
    const z = this.#latents(count, seed);
    return this.#drawn(z);
  }

  /** What it makes on the way from one seed's noise to another's, both ends included. */
  async between(from: number, to: number, steps: number): Promise<Float32Array<ArrayBuffer>> {
    return this.#drawn(
      interpolateLatents(this.#latents(1, from), this.#latents(1, to), { steps, spherical: true }),
    );
  }

  /** How real the discriminator takes each place of the plane to be, 0 to 1; clouds only. */
  async opinion(): Promise<Float32Array<ArrayBuffer>> {
    const made = await this.#opinion(this.#places);
    const values = Float32Array.from(await made.data(), Number);
    made.dispose();
    return values;
  }

  #latents(count: number, seed: number): Tensor {
    return random.normal(random.key(seed), [count, latentSizeOf(this.options.target)]);
  }
  async #drawn(z: Tensor): Promise<Float32Array<ArrayBuffer>> {
    const made = await this.#average.during(() => this.#draw(z));
    const values = Float32Array.from(await made.data(), Number);
    made.dispose();
    z.dispose();
    return values;
  }

  dispose(): void {
    for (const each of [this.#step, this.#draw, this.#opinion]) each.dispose();
    this.#places.dispose();
  }
}

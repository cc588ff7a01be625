/** Draws with a generator: samples, grids of them, and how much they differ. */
import { compile, fail, fromBits, random } from '@hebb/core';
import type { Compiled, Tensor } from '@hebb/core';
import { withMode } from '@hebb/nn';
import type { ExponentialMovingAverage } from '../average/ema.ts';
import type { LoggedImage } from '../callbacks/logger.ts';
import { checkWhole } from '../check.ts';
import { collate } from '../data/dataset.ts';
import type { Column, Dataset, Sample } from '../data/dataset.ts';
import type { Batch } from '../data/loader.ts';
import { groupsOf, relativeDiversity } from './diversity.ts';
import { imageGrid } from './image-grid.ts';
import type { GanTrainerOptions, GenerateOptions, GridOptions } from './options.ts';

/** Seeds of noise that is drawn beside the training, so that it takes nothing from the training's own. */
const besides = 2 ** 40;

interface Columns {
  readonly real: string;
  readonly conditions: readonly string[];
}

export class Artist {
  readonly #options: GanTrainerOptions;
  readonly #ema: ExponentialMovingAverage | undefined;
  readonly #seed: number;
  readonly #draw: Compiled<[inputs: Tensor[]], Tensor>;
  #columns: Columns | undefined;

  constructor(options: GanTrainerOptions, ema: ExponentialMovingAverage | undefined, seed: number) {
    const { generator } = options;
    this.#options = options;
    this.#ema = ema;
    this.#seed = seed;
    this.#draw = compile(
      (inputs: Tensor[]) => withMode(generator, false, () => generator.forward(...inputs)),
      { name: 'drawing' },
    );
  }

  latents(count: number, seed: number): Tensor {
    const op = 'GanTrainer.latents';
    const { latentSize } = this.#options;
    if (latentSize === undefined) fail(op, 'the generator takes no noise');
    checkWhole(op, 'count', count);
    return random.normal(random.key(besides + checkWhole(op, 'seed', seed, 0)), [
      count,
      latentSize,
    ]);
  }

  async generate(
    latents: Tensor | undefined,
    { conditions = [], average = true }: GenerateOptions = {},
  ): Promise<Tensor> {
    const inputs = latents === undefined ? [...conditions] : [latents, ...conditions];
    const draw = async (): Promise<Tensor> => {
      const drawn = await this.#draw(inputs);
      const held = fromBits(await drawn.bits(), drawn.shape, drawn.dtype);
      drawn.dispose();
      return held;
    };
    return average && this.#ema !== undefined ? this.#ema.during(draw) : draw();
  }

  async diversity(data: Dataset, count: number): Promise<number> {
    const { real, conditions } = await this.#first(data, count);
    const drawn = await this.#drawUnder(conditions, real.shape[0]!);
    return relativeDiversity(
      { shape: drawn.shape, data: await drawn.data() },
      real,
      groupsOf(Object.values(conditions)),
    );
  }

  async grid(data: Dataset, options: GridOptions): Promise<LoggedImage> {
    const { count = 100, columns = 10 } = options;
    const conditions: Sample =
      options.conditions === undefined
        ? (await this.#first(data, count)).conditions
        : Object.fromEntries(options.conditions.map((column, i) => [String(i), column]));
    const rows = Object.values(conditions)[0]?.shape[0] ?? count;
    const drawn = await this.#drawUnder(conditions, rows);
    return imageGrid({ shape: drawn.shape, data: await drawn.data() }, { columns });
  }

  async #drawUnder(conditions: Sample, count: number): Promise<Tensor> {
    const given = Object.values(conditions).map(({ data, shape, dtype }) =>
      fromBits(data, shape, dtype),
    );
    const latents =
      this.#options.latentSize === undefined ? undefined : this.latents(count, this.#seed);
    return this.generate(latents, { conditions: given });
  }

  /** The first samples of a data set on the host. */
  async #first(data: Dataset, count: number): Promise<{ real: Column; conditions: Sample }> {
    const rows = Math.min(count, data.length);
    const host = await collate(
      data,
      Int32Array.from({ length: rows }, (_, i) => i),
    );
    const columns = this.#columnsOf(host);
    const conditions = Object.fromEntries(columns.conditions.map((name) => [name, host[name]!]));
    return { real: host[columns.real]!, conditions };
  }

  #columnsOf(host: Sample): Columns {
    if (this.#columns !== undefined) return this.#columns;
    const names = Object.keys(host);
    const real =
      this.#options.real ?? names[0] ?? fail('GanTrainer', 'the data set has no columns');
    const conditions = this.#options.conditions ?? names.filter((name) => name !== real);
    for (const name of [real, ...conditions]) {
      if (!names.includes(name)) {
        fail('GanTrainer', 'there is no such column', name, names.join(', '));
      }
    }
    return (this.#columns = { real, conditions });
  }

  /** What a step takes of a batch. */
  inputs(batch: Batch): { real: Tensor; conditions: Tensor[] } {
    const { real, conditions } = this.#columnsOf(batch.host);
    const { tensors } = batch;
    for (const [name, tensor] of Object.entries(tensors)) {
      if (name !== real && !conditions.includes(name)) tensor.dispose();
    }
    return { real: tensors[real]!, conditions: conditions.map((name) => tensors[name]!) };
  }

  dispose(): void {
    this.#draw.dispose();
  }
}

/** The parts of a trainer that turn batches into numbers; it knows nothing of epochs and runs. */
import { capture, compile, dtypeInfo, fromBits, sizeOf } from '@hebb/core';
import type { Tensor, Variable } from '@hebb/core';
import { withMode } from '@hebb/nn';
import type { Dataset } from '../data/dataset.ts';
import { DataLoader } from '../data/loader.ts';
import type { Batch } from '../data/loader.ts';
import type { CollectedMetric } from '../metrics/collected.ts';
import { confusion } from '../metrics/confusion.ts';
import type { ConfusionMatrix } from '../metrics/confusion.ts';
import type { Metric } from '../metrics/metric.ts';
import { assign, checkLabels, inputsOf } from './columns.ts';
import type { ColumnOptions, Columns } from './columns.ts';
import type { EvaluateOptions, Evaluation } from './options.ts';
import { Pulse } from './pulse.ts';
import { EvaluationStep, TrainStep, inPrecision, summarize } from './steps.ts';
import type { StepSettings } from './steps.ts';

export interface EngineSettings extends StepSettings {
  readonly metrics: readonly Metric[];
  readonly collected: readonly CollectedMetric[];
  readonly columns: ColumnOptions;
}

export class Engine {
  readonly settings: EngineSettings;
  readonly train: TrainStep;
  readonly #evaluate: EvaluationStep;
  #columns: Columns | undefined;
  #outputShape: readonly number[] | undefined;

  constructor(settings: EngineSettings) {
    this.settings = settings;
    this.train = new TrainStep(settings);
    this.#evaluate = new EvaluationStep(settings);
  }

  /** The batch as what a step takes; the first one is also checked against the model. */
  prepare(batch: Batch): { inputs: Tensor[]; target: Tensor } {
    const { model, columns: options } = this.settings;
    const columns = (this.#columns ??= assign(batch, options));
    const { inputs, target } = columns.of(batch);
    if (this.#outputShape === undefined) {
      const traced = capture(
        (xs: readonly Tensor[]) => withMode(model, false, () => model.forward(...xs)),
        [inputs],
      );
      const { graph } = traced;
      this.#outputShape = graph.values[graph.outputs[0]!]!.shape;
    }
    checkLabels(batch, columns.targetName, this.#outputShape);
    return { inputs, target };
  }

  /**
   * Variables that a training step writes beside the ones with names: what a resumed run must have before
   * its first step. Traces a step without running it.
   */
  async otherVariables(batch: Batch): Promise<readonly Variable[]> {
    const { written } = this.train.run;
    if (written.length > 0) return this.#others(written);
    const { inputs, target } = this.prepare(batch);
    const traced = capture(this.train.trace, [inputs, target, [], 'whole']);
    for (const tensor of [...inputs, target]) tensor.dispose();
    return this.#others(traced.written);
  }
  /** The same as far as steps have run. */
  get others(): readonly Variable[] {
    return this.#others(this.train.run.written);
  }
  #others(written: readonly Variable[]): readonly Variable[] {
    const passing = new Set(this.train.passing);
    return written.filter((variable) => !passing.has(variable));
  }

  async evaluate(data: Dataset, options: EvaluateOptions): Promise<Evaluation> {
    const start = performance.now();
    const step = this.#evaluate;
    const { collected, metrics } = this.settings;
    const rows = collected.map(() => ({ parts: [] as Float64Array[], columns: 0 }));
    await step.totals.clear();
    const samples = await this.over(data, options, async (batch) => {
      const { inputs, target } = this.prepare(batch);
      const found = await consume([...inputs, target], () => step.run(inputs, target));
      for (const [i, tensor] of found.entries()) {
        rows[i]!.parts.push(Float64Array.from(await tensor.data(), Number));
        rows[i]!.columns = sizeOf(tensor.shape.slice(1));
        tensor.dispose();
      }
    });
    await step.totals.read();
    const result = summarize(step.totals, metrics, samples);
    collected.forEach((metric, i) => {
      const { parts, columns } = rows[i]!;
      const data = joined(parts);
      result.metrics[metric.name] = metric.result({
        data,
        rows: data.length / Math.max(1, columns),
        columns,
      });
    });
    return { ...result, samples, seconds: (performance.now() - start) / 1000 };
  }

  async confusionMatrix(
    data: Dataset,
    labels: readonly string[] | undefined,
    options: EvaluateOptions,
  ): Promise<ConfusionMatrix> {
    const { model, autocast } = this.settings;
    const metric = confusion(labels);
    const step = new EvaluationStep({ model, autocast, metrics: [metric] });
    try {
      await this.over(data, options, async (batch) => {
        const { inputs, target } = this.prepare(batch);
        await consume([...inputs, target], () => step.run(inputs, target));
      });
      await step.totals.read();
      return metric.result(step.totals.sums(`metric ${metric.name}`));
    } finally {
      step.dispose();
    }
  }

  async predict(data: Dataset, options: EvaluateOptions): Promise<Tensor> {
    const { settings } = this;
    const run = compile(
      (inputs: Tensor[]) =>
        inPrecision(settings, false, () => [settings.model.forward(...inputs)])[0]!,
      { name: 'prediction step', donate: [0] },
    );
    const parts: Tensor[] = [];
    try {
      await this.over(data, options, async (batch) => {
        const inputs = inputsOf(batch, settings.columns);
        const output = await consume(inputs, () => run(inputs));
        parts.push(fromBits(await output.bits(), output.shape, output.dtype));
        output.dispose();
      });
    } finally {
      run.dispose();
    }
    return joinRows(parts);
  }

  /** Calls `use` with each batch of a data set, in order, now and then letting other work in. */
  async over(
    data: Dataset,
    { batchSize = 128, signal }: EvaluateOptions,
    use: (batch: Batch) => Promise<void>,
  ): Promise<number> {
    const loader = new DataLoader(data, { batchSize });
    const pulse = new Pulse();
    for await (const batch of loader.epoch()) {
      signal?.throwIfAborted();
      await use(batch);
      if (pulse.due(false)) await pulse.rest();
    }
    return loader.samples;
  }

  dispose(): void {
    this.train.dispose();
    this.#evaluate.dispose();
  }
}

function joined(parts: readonly Float64Array[]): Float64Array {
  const all = new Float64Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Host tensors one below the other. */
async function joinRows(parts: readonly Tensor[]): Promise<Tensor> {
  const { shape, dtype } = parts[0]!;
  const rows = parts.reduce((sum, part) => sum + part.shape[0]!, 0);
  const all = dtypeInfo(dtype).allocate(sizeOf([rows, ...shape.slice(1)]));
  let at = 0;
  for (const part of parts) {
    const bits = await part.bits();
    // One overload of `set` stands for all: both arrays are of the dtype's own class.
    (all as Float64Array).set(bits as Float64Array, at);
    at += bits.length;
  }
  return fromBits(all, [rows, ...shape.slice(1)], dtype);
}

/** Runs a step that takes the tensors over; frees them when it fails before that. */
export async function consume<T>(tensors: readonly Tensor[], step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    for (const tensor of tensors) tensor.dispose();
    throw error;
  }
}

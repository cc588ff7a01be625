/** Family `optimisers`: update rules followed step by step, and clipping. */
import { compile, tensor } from '@hebb/core';
import type { HostArray, Tensor } from '@hebb/core';
import { Computed, attrs as read } from '@hebb/conformance/reference';
import type { CaseAttrs, CaseFunction, CaseTable, Tensors } from '@hebb/conformance/reference';
import { Parameter, crossEntropy, mseLoss } from '@hebb/nn';
import {
  Adadelta,
  Adagrad,
  Adam,
  AdamW,
  Adamax,
  NAdam,
  RAdam,
  RMSprop,
  SGD,
  clipGradNorm,
  clipGradValue,
} from '@hebb/train';
import type { Optimizer } from '@hebb/train';
import { names, records, settingsOf } from './settings.ts';
import { schedules } from './schedules.ts';

/** Optimizers by PyTorch's name in lower case. */
export const optimizers = {
  adadelta: (attrs) => new Adadelta(attrs),
  adagrad: (attrs) => new Adagrad(attrs),
  adam: (attrs) => new Adam(attrs),
  adamax: (attrs) => new Adamax(attrs),
  adamw: (attrs) => new AdamW(attrs),
  nadam: (attrs) => new NAdam(attrs),
  radam: (attrs) => new RAdam(attrs),
  rmsprop: (attrs) => new RMSprop(attrs),
  sgd: (attrs) => new SGD(attrs),
} satisfies Record<string, (attrs: object) => Optimizer>;

type Problem = (tensors: Tensors, parameters: Readonly<Record<string, Parameter>>) => Tensor;

/** The loss that a case describes in words. */
function problemOf(attrs: CaseAttrs): Problem {
  const text = read.text(attrs['problem']);
  return ({ X, Y }, parameters) => {
    const v = (name: string): Tensor => parameters[name]!.value;
    if (text.includes('tanh')) {
      const hidden = X!.matmul(v('w1')).add(v('b1')).tanh();
      return mseLoss(hidden.matmul(v('w2')).add(v('b2')), Y!);
    }
    const out = X!.matmul(v('w')).add(v('b'));
    return text.includes('cross-entropy') ? crossEntropy(out, Y!) : mseLoss(out, Y!);
  };
}

/** One row a step, held on the host: a step consumes what the one before left. */
class Rows {
  readonly #rows: HostArray[] = [];
  #like: Tensor | undefined;

  async add(value: Tensor): Promise<void> {
    this.#like = value;
    this.#rows.push(await value.data());
  }
  stacked(): Tensor {
    const { shape, dtype } = this.#like!;
    const all = this.#rows.flatMap((row) => Array.from<number | bigint, number>(row, Number));
    return tensor(Float64Array.from(all), { shape: [this.#rows.length, ...shape], dtype });
  }
}

const ofTheCase = ['steps', 'problem', 'groups', 'names', 'clip_grad_norm', 'clip_grad_value'];

const follow =
  (make: (attrs: object) => Optimizer): CaseFunction =>
  async (tensors, attrs, given) => {
    const list = Object.keys(given.params);
    const parameters = Object.fromEntries(
      list.map((name) => [name, new Parameter(tensors[name]!)]),
    );
    const optimizer = make(settingsOf<object>(attrs, ...ofTheCase));
    const groups = records(attrs['groups']);
    optimizer.attach(
      groups.length === 0
        ? Object.values(parameters)
        : groups.map((group) => ({
            ...settingsOf<object>(group, 'names'),
            parameters: names(group['names']).map((name) => parameters[name]!),
          })),
    );
    const problem = problemOf(attrs);
    const [norm, value] = ['clip_grad_norm', 'clip_grad_value'].map((at) =>
      read.maybeNum(attrs[at]),
    );
    const step = compile(() => {
      const loss = problem(tensors, parameters);
      let grads = optimizer.gradients(loss);
      if (norm !== undefined) ({ grads } = clipGradNorm(grads, norm));
      if (value !== undefined) grads = clipGradValue(grads, value);
      optimizer.step(grads);
      return { loss, grads };
    });
    // The optimizer's order, which groups may change.
    const order = optimizer.parameters.map((parameter) =>
      list.find((name) => parameters[name] === parameter)!,
    );
    const rows = () => Object.fromEntries(list.map((name) => [name, new Rows()]));
    const [losses, values, used] = [new Rows(), rows(), rows()];
    for (let k = 0; k < read.num(attrs['steps']); k++) {
      const { loss, grads } = await step();
      await losses.add(loss);
      for (const [i, name] of order.entries()) await used[name]!.add(grads[i]!);
      for (const name of list) await values[name]!.add(parameters[name]!.value);
    }
    step.dispose();
    const stacked = (table: Readonly<Record<string, Rows>>): Tensors =>
      Object.fromEntries(Object.entries(table).map(([name, each]) => [name, each.stacked()]));
    return new Computed({ loss: losses.stacked(), ...stacked(values) }, { grads: stacked(used) });
  };

/** Gradients under their names g0, g1 ... */
const gradsOf = (tensors: Tensors): Tensor[] =>
  Object.keys(tensors)
    .filter((name) => /^g\d+$/.test(name))
    .map((name) => tensors[name]!);
const clipped = (grads: readonly Tensor[]): Tensors =>
  Object.fromEntries(grads.map((grad, i) => [`clipped${i}`, grad]));

export const optimisers: CaseTable = {
  ...Object.fromEntries(Object.entries(optimizers).map(([name, make]) => [name, follow(make)])),
  ...schedules,
  clip_grad_norm: (tensors, { max_norm: limit, norm_type: type }) => {
    const { grads, norm } = clipGradNorm(gradsOf(tensors), read.num(limit), {
      normType: read.num(type ?? 2),
    });
    return { total_norm: norm, ...clipped(grads) };
  },
  clip_grad_value: (tensors, { clip_value: limit }) =>
    clipped(clipGradValue(gradsOf(tensors), read.num(limit))),
};

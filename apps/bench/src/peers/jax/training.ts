/** jax-js: training steps, compiled with `jit`. */
import * as jax from '@jax-js/jax';
import { numpy as np } from '@jax-js/jax';
import type { OptimizerSettings, TrainCase } from '../../cases/case.ts';
import type { Work } from '../../cases/work.ts';
import type { Loaded } from '../../harness/runner.ts';
import { fromHost, refs } from './forward.ts';
import type { Parameters } from './forward.ts';
import { JaxLayers } from './layers.ts';
import type { Array } from './layers.ts';

/** A type alias, for an interface has no index signature. */
type Moments = { first: Parameters; second: Parameters };

export async function loadTraining(work: Work<TrainCase>): Promise<Loaded> {
  const { phases, shared } = work.case;
  let parameters: Parameters = Object.fromEntries(
    [...work.parameters].map(([name, p]) => [name, fromHost(p)]),
  );
  const steps = phases.map((phase) => {
    const trained = (all: Parameters) => select(all, (name) => name.startsWith(phase.prefix));
    const fixed = (all: Parameters) => select(all, (name) => !name.startsWith(phase.prefix));
    const loss = (own: Parameters, others: Parameters, inputs: Array[]): Array => {
      const layers = new JaxLayers({ ...own, ...others });
      const value = shared?.(layers, inputs);
      const given = phase.detached && value ? jax.lax.stopGradient(value) : value;
      return phase.loss(layers, inputs, given);
    };
    const zero = (p: Array) => np.zeros([...p.shape]);
    let moments: Moments = {
      first: mapValues(trained(parameters), zero),
      second: mapValues(trained(parameters), zero),
    };
    const update = jax.jit(
      (own: Parameters, others: Parameters, inputs: Array[], state: Moments, t: Array) => {
        const [value, grads] = jax.valueAndGrad(loss)(own, others, inputs);
        return { value, ...optimized(phase.optimizer, own, grads as Parameters, state, t) };
      },
    );
    return (inputs: Array[], count: number): Array => {
      const result = update(
        refs(trained(parameters)),
        refs(fixed(parameters)),
        inputs.map((x) => x.ref),
        moments,
        np.array(count),
      );
      for (const p of Object.values(trained(parameters))) p.dispose();
      parameters = { ...parameters, ...result.own };
      moments = result.state;
      return result.value;
    };
  });
  const hosts = [...work.inputs.values()];
  let count = 0;
  return {
    async run() {
      count += 1;
      const inputs = hosts.map(fromHost);
      const losses = steps.map((step) => step(inputs, count));
      for (const input of inputs) input.dispose();
      // The update has to be done as well, not only the loss.
      await jax.blockUntilReady(parameters);
      const values: number[] = [];
      for (const loss of losses) values.push((await loss.data())[0]!);
      return Float32Array.from(values);
    },
  };
}

/** The optimizer as a function; gradients, parameters and moments are consumed once each. */
function optimized(
  { kind, lr, beta1, beta2, eps }: OptimizerSettings,
  own: Parameters,
  grads: Parameters,
  { first, second }: Moments,
  t: Array,
): { own: Parameters; state: Moments } {
  if (kind === 'sgd') {
    const next = mapValues(own, (p, name) => p.ref.sub(grads[name]!.ref.mul(lr)));
    return { own: next, state: { first, second } };
  }
  const correction = (beta: number): Array => np.subtract(1, np.power(beta, t.ref));
  const m = mapValues(first, (v, name) => v.ref.mul(beta1).add(grads[name]!.ref.mul(1 - beta1)));
  const s = mapValues(second, (v, name) =>
    v.ref.mul(beta2).add(np.square(grads[name]!.ref).mul(1 - beta2)),
  );
  const next = mapValues(own, (p, name) => {
    const scale = np.sqrt(s[name]!.ref.div(correction(beta2))).add(eps);
    return p.ref.sub(m[name]!.ref.div(correction(beta1)).mul(lr).div(scale));
  });
  return { own: next, state: { first: m, second: s } };
}

function select(all: Parameters, wanted: (name: string) => boolean): Parameters {
  return Object.fromEntries(Object.entries(all).filter(([name]) => wanted(name)));
}

function mapValues(all: Parameters, fn: (value: Array, name: string) => Array): Parameters {
  return Object.fromEntries(Object.entries(all).map(([name, value]) => [name, fn(value, name)]));
}

/** L-BFGS. */
import { compile, concat, fail, gradients, reshape, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { Parameter } from '@hebb/nn';
import { checkNumber, checkOptions, checkWhole } from '../check.ts';
import { strongWolfe } from './strong-wolfe.ts';
import type { LinePoint } from './strong-wolfe.ts';

export interface LBFGSOptions {
  /** Length of a step without line search, and the first trial with one; default 1. */
  readonly lr?: number;
  /** Iterations in one `step`; default 20. */
  readonly maxIter?: number;
  /** Evaluations of the loss in one `step`; default 1.25 · maxIter. */
  readonly maxEval?: number;
  /** Ends when no entry of the gradient is larger; default 1e-7. */
  readonly toleranceGrad?: number;
  /** Ends when neither an entry of the parameters nor the loss moves more; default 1e-9. */
  readonly toleranceChange?: number;
  /** Pairs of steps and gradient changes that approximate the curvature; default 100. */
  readonly historySize?: number;
  /** Default none: steps of length `lr`. */
  readonly lineSearchFn?: 'strong_wolfe' | null;
}

interface Pair {
  /** Change of the gradient and of the parameters, and 1 / their product. */
  readonly y: Float64Array;
  readonly s: Float64Array;
  readonly rho: number;
}

interface Evaluation {
  readonly f: number;
  readonly g: Float64Array;
}

const dot = (a: Float64Array, b: Float64Array): number => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
};
const largest = (a: Float64Array): number => {
  let most = 0;
  for (let i = 0; i < a.length; i++) most = Math.max(most, Math.abs(a[i]!));
  return most;
};
/** a + factor · b */
const plus = (a: Float64Array, factor: number, b: Float64Array): Float64Array =>
  a.map((value, i) => value + factor * b[i]!);

/**
 * Limited-memory BFGS, Liu & Nocedal 1989, as PyTorch's: for smooth losses over all the data at once and
 * few parameters, where it needs far fewer evaluations than a gradient method. Each step evaluates the loss
 * several times, so it is asynchronous, takes the loss as a function and is driven by a loop of your own:
 *
 * ```ts
 * const optimizer = new LBFGS({ lineSearchFn: 'strong_wolfe' }).attach(model.parameters());
 * for (let k = 0; k < 10; k++) await optimizer.step(() => mseLoss(model.forward(x), y));
 * ```
 *
 * The arithmetic between evaluations is in double precision on the host.
 */
export class LBFGS {
  readonly options: Required<LBFGSOptions>;
  #parameters: readonly Parameter[] | undefined;
  #pairs: Pair[] = [];
  #scale = 1;
  #direction: Float64Array | undefined;
  #length = 0;
  #gradient: Float64Array | undefined;
  #iterations = 0;

  constructor(options: LBFGSOptions = {}) {
    const maxIter = options.maxIter ?? 20;
    const defaults: Required<LBFGSOptions> = {
      lr: 1,
      maxIter,
      maxEval: Math.floor((maxIter * 5) / 4),
      toleranceGrad: 1e-7,
      toleranceChange: 1e-9,
      historySize: 100,
      lineSearchFn: null,
    };
    checkOptions('LBFGS', options, Object.keys(defaults));
    this.options = { ...defaults, ...options };
    checkNumber('LBFGS', 'lr', this.options.lr, { low: 0 });
    checkWhole('LBFGS', 'maxIter', this.options.maxIter);
    checkWhole('LBFGS', 'maxEval', this.options.maxEval);
    checkNumber('LBFGS', 'toleranceGrad', this.options.toleranceGrad, { low: 0 });
    checkNumber('LBFGS', 'toleranceChange', this.options.toleranceChange, { low: 0 });
    checkWhole('LBFGS', 'historySize', this.options.historySize);
    const search = this.options.lineSearchFn;
    if (search !== null && search !== 'strong_wolfe') {
      fail('LBFGS', 'unknown line search', String(search), 'strong_wolfe or null');
    }
  }

  /** Gives it its parameters, once; frozen ones stay as they are. */
  attach(parameters: Iterable<Parameter>): this {
    if (this.#parameters !== undefined) fail('LBFGS', 'already has its parameters');
    const list = [...parameters].filter((p) => {
      if (!(p instanceof Parameter)) fail('LBFGS', 'a parameter is not a Parameter', typeof p);
      return p.requiresGrad;
    });
    if (list.length === 0) fail('LBFGS', 'there are no parameters to optimize');
    this.#parameters = list;
    return this;
  }

  /** Iterations of all steps so far. */
  get iterations(): number {
    return this.#iterations;
  }

  /** Moves the parameters to lower the scalar that `closure` computes from them; gives its value before. */
  async step(closure: () => Tensor): Promise<number> {
    const parameters = this.#parameters ?? fail('LBFGS', 'has no parameters yet: call attach');
    const program = compile(() => {
      const loss = closure();
      const slopes = gradients(
        loss,
        parameters.map((p) => p.value),
      );
      return {
        loss,
        flat: concat(
          slopes.map((g) => reshape(g, [g.size]).to('float64')),
          0,
        ),
      };
    });
    try {
      return await this.#run(parameters, async () => {
        const { loss, flat } = await program();
        const [value, data] = [await loss.item(), Float64Array.from(await flat.data(), Number)];
        loss.dispose();
        flat.dispose();
        return { f: Number(value), g: data };
      });
    } finally {
      program.dispose();
    }
  }

  async #run(
    parameters: readonly Parameter[],
    evaluate: () => Promise<Evaluation>,
  ): Promise<number> {
    const { lr, maxIter, maxEval, toleranceGrad, toleranceChange, lineSearchFn } = this.options;
    let { f, g } = await evaluate();
    const initial = f;
    let evaluations = 1;
    if (largest(g) <= toleranceGrad) return initial;
    for (let iteration = 1; iteration <= maxIter; iteration++) {
      const direction = this.#nextDirection(g);
      const before = f;
      this.#gradient = g;
      this.#direction = direction;
      const total = g.reduce((sum, value) => sum + Math.abs(value), 0);
      this.#length = this.#iterations === 1 ? Math.min(1, 1 / total) * lr : lr;
      const slope = dot(g, direction);
      if (slope > -toleranceChange) break;
      const origin = await read(parameters);
      const at = async (t: number): Promise<LinePoint> => {
        write(parameters, plus(origin, t, direction));
        const found = await evaluate();
        evaluations += 1;
        return { t, ...found, slope: dot(found.g, direction) };
      };
      if (lineSearchFn === 'strong_wolfe') {
        const reach = largest(direction);
        const start = { t: 0, f, g, slope };
        const end = await strongWolfe(at, start, this.#length, { toleranceChange, reach });
        write(parameters, plus(origin, end.t, direction));
        this.#length = end.t;
        ({ f, g } = end);
      } else if (iteration < maxIter) ({ f, g } = await at(this.#length));
      else write(parameters, plus(origin, this.#length, direction));
      if (evaluations >= maxEval || largest(g) <= toleranceGrad) break;
      if (largest(direction) * this.#length <= toleranceChange) break;
      if (Math.abs(f - before) < toleranceChange) break;
    }
    return initial;
  }

  /** -H g with H the inverse curvature that the history approximates (the two-loop recursion). */
  #nextDirection(g: Float64Array): Float64Array {
    this.#iterations += 1;
    if (this.#iterations === 1) return g.map((value) => -value);
    const y = plus(g, -1, this.#gradient!);
    const s = this.#direction!.map((value) => value * this.#length);
    const product = dot(y, s);
    if (product > 1e-10) {
      if (this.#pairs.length === this.options.historySize) this.#pairs.shift();
      this.#pairs.push({ y, s, rho: 1 / product });
      this.#scale = product / dot(y, y);
    }
    const shares: number[] = [];
    let q: Float64Array = g.map((value) => -value);
    for (const pair of this.#pairs.toReversed()) {
      const share = dot(pair.s, q) * pair.rho;
      shares.push(share);
      q = plus(q, -share, pair.y);
    }
    let r: Float64Array = q.map((value) => value * this.#scale);
    for (const pair of this.#pairs) r = plus(r, shares.pop()! - dot(pair.y, r) * pair.rho, pair.s);
    return r;
  }
}

async function read(parameters: readonly Parameter[]): Promise<Float64Array> {
  const parts = await Promise.all(parameters.map((p) => p.peek().data()));
  return Float64Array.from(
    parts.flatMap((part) => Array.from<number | bigint, number>(part, Number)),
  );
}

function write(parameters: readonly Parameter[], flat: Float64Array): void {
  let start = 0;
  for (const parameter of parameters) {
    const { shape, dtype, size } = parameter.peek();
    parameter.set(tensor(flat.slice(start, start + size), { shape, dtype }));
    start += size;
  }
}

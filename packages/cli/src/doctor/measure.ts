/** Runs a compiled model here, in Node: the same engine as workerd's, the same module, the same handler. */
import { serve } from '@hebb/edge';
import { load } from '@hebb/runtime';
import type { Inputs, Model, PlanFunction, Signature } from '@hebb/runtime';
import { signatureCost } from './costs.ts';
import { loadable } from './folder.ts';
import type { CompiledFolder } from './folder.ts';
import { sampleBody, sampleInputs } from './sample.ts';

export interface MeasuredSignature {
  readonly fn: string;
  readonly signature: Signature;
  /** Whether it ran, or its time follows from one that did by the kernels' costs. */
  readonly ran: boolean;
  /** Milliseconds of processor time in kernels. */
  readonly runMs: number;
  /** Milliseconds around them: reading the request, checking it, writing the answer. */
  readonly handlingMs: number;
  /** Bytes of a request and of its answer, as JSON. */
  readonly requestBytes: number;
  readonly answerBytes: number;
}

export interface Measured {
  /** Milliseconds of processor time to load the model: check and copy the weights, prepare them. */
  readonly loadMs: number;
  readonly signatures: readonly MeasuredSignature[];
}

/** Milliseconds of processor time that this thread has had; of the clock where Node cannot tell (before 23.9). */
function now(): number {
  const { threadCpuUsage } = process as { threadCpuUsage?: () => NodeJS.CpuUsage };
  if (threadCpuUsage === undefined) return performance.now();
  const { user, system } = threadCpuUsage.call(process);
  return (user + system) / 1000;
}

/**
 * Processor time of one run, when the engine is warm: half of the budget is spent before anything counts. Many runs
 * are counted together, since the system counts in steps of milliseconds.
 */
async function timed(run: () => unknown, budgetMs: number): Promise<number> {
  const warm = performance.now() + budgetMs / 2;
  do await run();
  while (performance.now() < warm);
  const began = now();
  const until = performance.now() + budgetMs / 2;
  let runs = 0;
  do {
    await run();
    runs += 1;
  } while (performance.now() < until);
  return (now() - began) / runs;
}

/**
 * Measures each signature; those that the kernels' costs put at more than `mostMs` follow from the first that ran.
 */
export async function measure(folder: CompiledFolder, mostMs = 3000): Promise<Measured> {
  const { plan } = folder;
  const loads = await loadable(folder);
  let model: Model = load(loads);
  const loadMs = await timed(() => (model = load(loads)), Math.min(300, mostMs));

  const all = plan.functions.flatMap((fn) => fn.signatures.map((signature) => ({ fn, signature })));
  const cheapest = all.reduce((a, b) =>
    signatureCost(a.signature) <= signatureCost(b.signature) ? a : b,
  );
  const first = await measureOne(model, cheapest.fn, cheapest.signature);
  const speed = first.runMs / signatureCost(cheapest.signature);
  const perByte = first.handlingMs / (first.requestBytes + first.answerBytes);
  const signatures: MeasuredSignature[] = [];
  for (const { fn, signature } of all) {
    const runMs = signatureCost(signature) * speed;
    if (signature === cheapest.signature) signatures.push(first);
    else if (runMs <= mostMs) signatures.push(await measureOne(model, fn, signature));
    else {
      const requestBytes = sampleBody(sampleInputs(fn, signature)).length;
      const answerBytes = answerBytesOf(signature);
      const handlingMs = perByte * (requestBytes + answerBytes);
      const ran = false;
      signatures.push({
        ...{ fn: fn.name, signature, ran },
        ...{ runMs, handlingMs, requestBytes, answerBytes },
      });
    }
  }
  return { loadMs, signatures };
}

/** Digits of a float32 as JSON, and what is between them. */
const bytesPerNumber = 20;
const answerBytesOf = ({ outputs }: Signature): number =>
  200 +
  bytesPerNumber *
    outputs.reduce((sum, { shape }) => sum + shape.reduce((product, dim) => product * dim, 1), 0);

/** Milliseconds that a worker's own streams and headers cost beyond Node's. */
const platformMs = 0.15;

async function measureOne(
  model: Model,
  fn: PlanFunction,
  signature: Signature,
): Promise<MeasuredSignature> {
  const body = sampleBody(sampleInputs(fn, signature));
  let given: Inputs = {};
  const run: Model['run'] = (inputs) => {
    given = inputs;
    return model.call(fn.name, inputs);
  };
  const { inputs, outputs } = fn;
  const server = serve({
    models: { m: { load: () => ({ inputs, outputs, run }) } },
    maxBodyBytes: Infinity,
  });
  let answerBytes = 0;
  const ask = async (): Promise<void> => {
    const response = await server.fetch(
      new Request('http://localhost/predict', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      }),
    );
    const text = await response.text();
    if (response.status !== 200) throw new Error(`a request for ${fn.name} failed: ${text}`);
    answerBytes = text.length;
  };
  const total = await timed(ask, 400);
  // The model alone, on what the handler gave it.
  const runMs = Math.min(total, await timed(() => model.call(fn.name, given), 200));
  return {
    ...{ fn: fn.name, signature, ran: true, runMs, handlingMs: total - runMs + platformMs },
    ...{ requestBytes: body.length, answerBytes },
  };
}

/** What a worker holds: JavaScript's heap, buffers and the WebAssembly memory together, as the platform counts. */
import type { Signature } from '@hebb/runtime';
import type { CompiledFolder } from './folder.ts';
import type { MeasuredSignature } from './measure.ts';

/** Bytes of V8's heap with the handler in it, before any request. */
const heapBytes = 1.2e6;
/** Bytes that compiled code and caches come to when requests have been through. */
const warmBytes = 2e6;
/**
 * What waits for the collector, at most. The young generation grows with what outlives a collection, which is what is
 * being answered, up to 16 MB; buffers wait with it, and V8 collects for them alone beyond 64 MB.
 */
const rubbishOf = (request: number, concurrency: number): number =>
  Math.min(16e6, 3e6 + 0.4e6 * concurrency) + Math.min(64e6, (20 + 2 * concurrency) * request);
/** Bytes of weights from a store that are on their way at once. */
const pieceBytes = 8 * 2 ** 20;

const pageBytes = 65536;

export interface MemoryEstimate {
  /** Bytes when the model is loaded and nothing is asked. */
  readonly rest: number;
  /** Bytes of one request while it is answered. */
  readonly request: number;
}

/** Bytes that nothing but a smaller model or fewer requests makes fewer. */
export const liveOf = ({ rest, request }: MemoryEstimate, concurrency: number): number =>
  rest + warmBytes + concurrency * request;

/** Bytes at their peak with that many requests at once: a bound from above. */
export const peakOf = (estimate: MemoryEstimate, concurrency: number): number =>
  liveOf(estimate, concurrency) + rubbishOf(estimate.request, concurrency);

export function restOf({ plan, weights, store, planText }: CompiledFolder): number {
  const memory = Math.ceil(plan.memory / pageBytes) * pageBytes;
  // Bundled weights stay beside their copy; those of a store go straight into the memory.
  const beside =
    weights === undefined
      ? Math.min(pieceBytes, Math.max(0, ...(store?.objects ?? [])))
      : weights.length;
  // The plan's text as objects.
  return heapBytes + memory + beside + 3 * planText;
}

export const memoryOf = (folder: CompiledFolder, measured: MeasuredSignature): MemoryEstimate => ({
  rest: restOf(folder),
  request: requestBytesOf(measured),
});

/** A body, its numbers as they are read and as the model takes them; the answer's numbers, text and bytes. */
function requestBytesOf({ signature, requestBytes, answerBytes }: MeasuredSignature): number {
  const numbersIn = elementsOf(signature.inputs);
  const numbersOut = elementsOf(signature.outputs);
  return requestBytes + 8 * numbersIn + 24 * numbersOut + 2 * answerBytes + 20_000;
}

const elementsOf = (slots: Signature['inputs']): number =>
  slots.reduce((sum, { shape }) => sum + shape.reduce((product, dim) => product * dim, 1), 0);

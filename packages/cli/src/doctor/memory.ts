/** What a worker holds: JavaScript's heap, buffers and the WebAssembly memory together, as the platform counts. */
import type { Signature } from '@hebb/runtime';
import type { CompiledFolder } from './folder.ts';
import type { MeasuredSignature } from './measure.ts';

/** Bytes of V8's heap with the handler in it, before any request. */
const heapBytes = 1.2e6;
/** Bytes that compiled code and caches come to when requests have been through. */
const warmBytes = 2e6;
/** Bytes that wait for the collector, at most: the young generation is collected before it is larger. */
const youngBytes = 16e6;
/** Requests whose rubbish is there at once, while it is less than that. */
const rubbish = 40;
/** Bytes of weights from a store that are on their way at once. */
const pieceBytes = 8 * 2 ** 20;

const pageBytes = 65536;

export interface MemoryEstimate {
  /** Bytes when the model is loaded and nothing is asked. */
  readonly rest: number;
  /** Bytes of one request while it is answered. */
  readonly request: number;
  /** Bytes that may wait to be collected. */
  readonly rubbish: number;
}

/** Bytes at their peak with that many requests at once. */
export const peakOf = ({ rest, request, rubbish }: MemoryEstimate, concurrency: number): number =>
  rest + warmBytes + concurrency * request + rubbish;

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

export function memoryOf(folder: CompiledFolder, measured: MeasuredSignature): MemoryEstimate {
  const request = requestBytesOf(measured);
  return {
    rest: restOf(folder),
    request,
    rubbish: Math.min(youngBytes, rubbish * request),
  };
}

/** A body as it arrives, joined and as text; its numbers; the answer's numbers, and it as text and as bytes. */
function requestBytesOf({ signature, requestBytes, answerBytes }: MeasuredSignature): number {
  const numbersIn = elementsOf(signature.inputs);
  const numbersOut = elementsOf(signature.outputs);
  return 3 * requestBytes + 12 * numbersIn + 12 * numbersOut + 2 * answerBytes + 20_000;
}

const elementsOf = (slots: Signature['inputs']): number =>
  slots.reduce((sum, { shape }) => sum + shape.reduce((product, dim) => product * dim, 1), 0);

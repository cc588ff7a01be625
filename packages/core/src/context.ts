/** The current backend, and how lazy values become numbers on it. */
import type { Backend, DeviceBuffer, Executable } from './backend.ts';
import type { HostArray } from './dtype.ts';
import { fail } from './error.ts';
import { traceGraph } from './graph.ts';
import type { TracedGraph } from './graph.ts';
import { announceRealized } from './lifetime.ts';
import type { Tensor } from './tensor.ts';
import { dirtyVariables } from './variable.ts';

let current: Backend | undefined;

/**
 * Makes a backend the one that computes: `await init(cpu())`. Tensors computed on an earlier backend are
 * copied over when they are used. Returns the backend.
 */
export async function init(backend: Backend | Promise<Backend>): Promise<Backend> {
  current = await backend;
  return current;
}

/** The current backend; throws when there is none. */
export function currentBackend(op = 'realize'): Backend {
  return (
    current ?? fail(op, 'no backend: call `await init(cpu())` first, with a backend of your choice')
  );
}

/** Runs `body` with another backend and puts the old one back. */
export async function withBackend<T>(backend: Backend, body: () => Promise<T> | T): Promise<T> {
  const saved = current;
  current = backend;
  try {
    return await body();
  } finally {
    current = saved;
  }
}

/** Programs of eager graphs, by structure; the oldest go first. */
const cacheSize = 512;
const caches = new WeakMap<Backend, Map<string, Executable | Promise<Executable>>>();

function executableFor(backend: Backend, traced: TracedGraph): Executable | Promise<Executable> {
  let cache = caches.get(backend);
  if (cache === undefined) caches.set(backend, (cache = new Map()));
  const key = traced.graph.key;
  let executable = cache.get(key);
  if (executable === undefined) {
    executable = backend.compile(traced.graph);
    if (cache.size >= cacheSize) {
      const [oldest, old] = cache.entries().next().value!;
      cache.delete(oldest);
      if (!(old instanceof Promise)) old.dispose?.();
    }
    cache.set(key, executable);
    if (executable instanceof Promise) {
      const pending = executable;
      pending.then(
        (ready) => cache.set(key, ready),
        () => cache.delete(key),
      );
    }
  }
  return executable;
}

/** The tensor's buffer on `backend`, uploading host data and copying from other backends. */
export function bufferOn(backend: Backend, tensor: Tensor, op: string): DeviceBuffer {
  const { node, output } = tensor;
  const storage = node.live(output, op);
  if (storage === null)
    fail(op, `a value of this computation has no data: it is a placeholder of a trace`);
  if (storage.kind === 'device') {
    if (storage.backend === backend) return storage.buffer;
    const download = storage.backend.downloadSync;
    if (download === undefined) {
      fail(
        op,
        `a tensor lives on backend ${storage.backend.name}: read it with data() and make a new one`,
      );
    }
    return place(backend, tensor, download.call(storage.backend, storage.buffer), op);
  }
  return place(backend, tensor, storage.data, op);
}

function place(backend: Backend, tensor: Tensor, data: HostArray, op: string): DeviceBuffer {
  if (!backend.capabilities.dtypes.has(tensor.dtype)) {
    fail(op, `backend ${backend.name} does not store ${tensor.dtype}`);
  }
  const buffer = backend.upload(data, tensor);
  tensor.node.setDevice(tensor.output, backend, buffer);
  announceRealized(tensor);
  return buffer;
}

/** Copies over what lies on another backend that can only be read by waiting. */
export async function bring(
  backend: Backend,
  tensors: readonly Tensor[],
  op: string,
): Promise<void> {
  for (const tensor of tensors) {
    const storage = tensor.node.live(tensor.output, op);
    if (storage?.kind !== 'device' || storage.backend === backend) continue;
    if (storage.backend.downloadSync !== undefined) continue;
    const data = await storage.backend.download(storage.buffer);
    if (tensor.node.storage[tensor.output] === storage) place(backend, tensor, data, op);
  }
}

interface Pending {
  readonly roots: Tensor[];
  readonly traced: TracedGraph;
}

function pendingOf(tensors: readonly Tensor[]): Pending | undefined {
  const wanted: Tensor[] = [];
  // State that was assigned but not computed joins in: its update shares work with what is read, and
  // chains of updates cannot grow without bound.
  for (const variable of dirtyVariables) wanted.push(variable.peek());
  dirtyVariables.clear();
  wanted.push(...tensors);
  const roots: Tensor[] = [];
  const seen = new Set<object>();
  for (const tensor of wanted) {
    const { node } = tensor;
    if (seen.has(node)) continue;
    node.live(tensor.output, 'realize');
    if (node.isRealized(tensor.output)) continue;
    seen.add(node);
    // All outputs of the node: the op computes them anyway, and then its inputs can be let go.
    node.avals.forEach((_, output) => roots.push(tensor.sibling(output)));
  }
  return roots.length === 0 ? undefined : { roots, traced: traceGraph(roots, []) };
}

function finish(backend: Backend, { roots, traced }: Pending, executable: Executable): void {
  const inputs = traced.captures.map((tensor) => bufferOn(backend, tensor, 'realize'));
  const outputs = executable.run(inputs);
  roots.forEach((tensor, i) => {
    if (tensor.node.isRealized(tensor.output)) backend.free(outputs[i]!);
    else tensor.node.setDevice(tensor.output, backend, outputs[i]!);
    announceRealized(tensor);
  });
  for (const tensor of roots) tensor.node.dropHistory();
}

/** Computes the tensors (in one program) so that they hold their values. */
export async function realize(...tensors: Tensor[]): Promise<void> {
  const pending = pendingOf(tensors);
  if (pending === undefined) return;
  const backend = currentBackend();
  const executable = await executableFor(backend, pending.traced);
  await bring(backend, pending.traced.captures, 'realize');
  finish(backend, pending, executable);
}

export function realizeSync(...tensors: Tensor[]): void {
  const pending = pendingOf(tensors);
  if (pending === undefined) return;
  const backend = currentBackend();
  const executable = executableFor(backend, pending.traced);
  if (executable instanceof Promise) {
    fail('dataSync', `backend ${backend.name} compiles asynchronously: use \`await data()\``);
  }
  finish(backend, pending, executable);
}

/** Storage-form copy of the values. */
export async function read(tensor: Tensor): Promise<HostArray> {
  await realize(tensor);
  const storage = tensor.node.live(tensor.output, 'data')!;
  if (storage.kind === 'host') return storage.data.slice();
  return storage.backend.download(storage.buffer);
}

export function readSync(tensor: Tensor): HostArray {
  realizeSync(tensor);
  const storage = tensor.node.live(tensor.output, 'dataSync')!;
  if (storage.kind === 'host') return storage.data.slice();
  const { backend } = storage;
  if (backend.downloadSync === undefined) {
    fail('dataSync', `backend ${backend.name} cannot be read synchronously: use \`await data()\``);
  }
  return backend.downloadSync(storage.buffer);
}

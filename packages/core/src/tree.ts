/** Trees: tensors inside arrays and plain objects, as arguments and results of transformed functions. */
import { fail } from './error.ts';
import { Tensor } from './tensor.ts';

/** Anything that transforms accept: tensors, plain values, and arrays or objects of them. */
export type Tree =
  | Tensor
  | number
  | string
  | boolean
  | bigint
  | null
  | undefined
  | readonly Tree[]
  | { readonly [name: string]: Tree };

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** The tensors of a tree, depth first, object keys in sorted order. */
export function treeLeaves(tree: unknown): Tensor[] {
  const leaves: Tensor[] = [];
  treeMap(tree, (tensor) => {
    leaves.push(tensor);
    return tensor;
  });
  return leaves;
}

/** The same tree with every tensor replaced. */
export function treeMap<T>(tree: T, f: (tensor: Tensor, path: string) => Tensor, path = ''): T {
  const walk = (value: unknown, at: string): unknown => {
    if (value instanceof Tensor) return f(value, at);
    if (Array.isArray(value)) return value.map((item, i) => walk(item, `${at}[${i}]`));
    if (isPlainObject(value)) {
      const result: Record<string, unknown> = {};
      for (const name of Object.keys(value).sort()) {
        result[name] = walk(value[name], at === '' ? name : `${at}.${name}`);
      }
      return result;
    }
    return value;
  };
  return walk(tree, path) as T;
}

/** Text that is equal for trees of the same structure, shapes, dtypes and plain values. */
export function treeSignature(tree: unknown): string {
  if (tree instanceof Tensor) return `${tree.dtype}[${tree.shape.join(',')}]`;
  if (Array.isArray(tree)) return `(${tree.map(treeSignature).join(',')})`;
  if (isPlainObject(tree)) {
    return `{${Object.keys(tree)
      .sort()
      .map((name) => `${JSON.stringify(name)}:${treeSignature(tree[name])}`)
      .join(',')}}`;
  }
  if (typeof tree === 'string') return JSON.stringify(tree);
  if (typeof tree === 'bigint') return `${tree}n`;
  if (tree === null || ['number', 'boolean', 'undefined'].includes(typeof tree)) {
    return Object.is(tree, -0) ? '-0' : String(tree);
  }
  fail(
    'compile',
    'arguments are tensors, plain values, arrays and plain objects',
    tree?.constructor?.name ?? typeof tree,
  );
}

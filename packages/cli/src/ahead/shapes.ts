/** Open axes and the sizes they are compiled for. */
import { UsageError } from '../errors.ts';
import { shape as format } from '../format.ts';

/** Sizes of open axes by name: one combination of shapes to compile for. */
export type Sizes = Readonly<Record<string, number>>;

interface Declared {
  readonly name: string;
  readonly shape?: readonly (number | string | null)[];
}

/** What an axis is called in `--shape`: its name, or input and position where it has none. */
export const axisName = (input: string, axis: number, dim: string | null): string =>
  dim ?? `${input}.${axis}`;

/**
 * The inputs' shapes with sizes put in for names.
 * @throws UsageError for names that no input has, and for axes without a size.
 */
export function resolveShapes(inputs: readonly Declared[], sizes: Sizes): number[][] {
  const open = new Set<string>();
  const missing = new Map<string, string>();
  const shapes = inputs.map(({ name, shape }) => {
    if (shape === undefined) {
      throw new UsageError(
        `input ${name} does not say how many axes it has: it cannot be compiled`,
      );
    }
    return shape.map((dim, axis) => {
      if (typeof dim === 'number') return dim;
      const key = axisName(name, axis, dim);
      open.add(key);
      const size = Object.hasOwn(sizes, key) ? sizes[key] : undefined;
      if (size === undefined) missing.set(key, `${name} ${format(shape)}`);
      return size ?? 0;
    });
  });
  for (const name of Object.keys(sizes)) {
    if (!open.has(name)) {
      const known = open.size === 0 ? 'all its axes are fixed' : `it has ${[...open].join(', ')}`;
      throw new UsageError(`the model has no open axis ${JSON.stringify(name)}: ${known}`);
    }
  }
  if (missing.size > 0) {
    const list = [...missing].map(([key, where]) => `${key} (input ${where})`).join(', ');
    const example = [...open].map((key) => `${key}=1`).join(',');
    throw new UsageError(`no size is given for ${list}: give --shape ${example}`);
  }
  return shapes;
}

/** `batch=8,height=224` as sizes. */
export function parseSizes(text: string): Sizes {
  const sizes: Record<string, number> = {};
  for (const part of text.split(',')) {
    const at = part.lastIndexOf('=');
    const name = part.slice(0, Math.max(at, 0)).trim();
    const size = Number(part.slice(at + 1));
    if (
      name === '' ||
      part.slice(at + 1).trim() === '' ||
      !Number.isSafeInteger(size) ||
      size < 1
    ) {
      throw new UsageError(`--shape wants NAME=N[,NAME=M...], got ${JSON.stringify(text)}`);
    }
    if (Object.hasOwn(sizes, name)) {
      throw new UsageError(`--shape names ${name} twice: ${JSON.stringify(text)}`);
    }
    sizes[name] = size;
  }
  return sizes;
}

/** Throws when two signatures would be the same. */
export function checkDistinct(signatures: readonly (readonly (readonly number[])[])[]): void {
  const seen = new Set<string>();
  for (const shapes of signatures) {
    const key = shapes.map((dims) => format(dims)).join(' ');
    if (seen.has(key)) throw new UsageError(`two --shape options give the same shapes ${key}`);
    seen.add(key);
  }
}

/** Numbers and tables as people read them. */
import Table from 'cli-table3';

const plain = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

/** Left-aligned columns without lines; numbers belong in columns named in `right`. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
): string {
  const made = new Table({
    head: [...head],
    chars: plain,
    colAligns: head.map((_, i) => (right.includes(i) ? 'right' : 'left')),
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
  });
  made.push(...rows.map((row) => [...row]));
  return made
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '')
    .join('\n');
}

/** 1234567 -> "1.23 M". */
export function count(n: number): string {
  for (const [size, unit] of [
    [1e12, 'T'],
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const) {
    if (Math.abs(n) >= size) return `${(n / size).toPrecision(3)} ${unit}`;
  }
  return String(n);
}

export function bytes(n: number): string {
  for (const [size, unit] of [
    [2 ** 30, 'GiB'],
    [2 ** 20, 'MiB'],
    [2 ** 10, 'KiB'],
  ] as const) {
    if (n >= size) return `${(n / size).toPrecision(3)} ${unit}`;
  }
  return `${n} B`;
}

export function milliseconds(n: number): string {
  return n >= 1000 ? `${(n / 1000).toFixed(2)} s` : `${n.toPrecision(3)} ms`;
}

/** Shapes with named and unknown dimensions. */
export function shape(dims: readonly (number | string | null)[] | undefined): string {
  return dims === undefined ? '[unknown rank]' : `[${dims.map((dim) => dim ?? '?').join(',')}]`;
}

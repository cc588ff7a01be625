/** Numbers as people read them. */

export function bytes(n: number): string {
  for (const [size, unit] of [
    [1e9, 'GB'],
    [1e6, 'MB'],
    [1e3, 'kB'],
  ] as const) {
    if (n >= size) return `${Number((n / size).toPrecision(3))} ${unit}`;
  }
  return `${n} B`;
}

export function count(n: number): string {
  for (const [size, unit] of [
    [1e12, 'T'],
    [1e9, 'G'],
    [1e6, 'M'],
    [1e4, 'k'],
  ] as const) {
    const shown = unit === 'k' ? 1e3 : size;
    if (n >= size) return `${Number((n / shown).toPrecision(3))} ${unit}`;
  }
  return n.toLocaleString('en');
}

export function milliseconds(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(2)} s`;
  return `${ms >= 100 ? ms.toFixed(0) : Number(ms.toPrecision(2))} ms`;
}

export const short = (x: number): string => String(Number(x.toPrecision(4)));

/** One text for all JSON that means the same. */
import { Numbers } from '../json/numbers.ts';

/** More than any request nests: what is deeper is refused elsewhere, and not walked through here. */
const mostDepth = 64;

const isFlat = (list: readonly unknown[]): boolean =>
  list.every((item) => typeof item !== 'object' || item === null);

/** Names in order, no spaces, numbers as JavaScript writes them; `undefined` for what is nested too deep. */
export function canonicalJson(value: unknown, depth = 0): string | undefined {
  if (depth > mostDepth) return undefined;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (value instanceof Numbers) return value.toText();
  if (Array.isArray(value)) {
    if (isFlat(value)) return JSON.stringify(value);
    const items = value.map((item) => canonicalJson(item, depth + 1));
    return items.includes(undefined) ? undefined : `[${items.join()}]`;
  }
  const fields = Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, item]) => [JSON.stringify(name), canonicalJson(item, depth + 1)]);
  if (fields.some(([, item]) => item === undefined)) return undefined;
  return `{${fields.map((field) => field.join(':')).join()}}`;
}

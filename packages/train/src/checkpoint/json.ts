/** JSON that keeps what plain JSON loses: numbers that are not finite, and names that come twice. */

export type Json =
  null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

/** Plain data as text; NaN and infinities as `{ "$": "NaN" }`. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) =>
    typeof item === 'number' && !Number.isFinite(item) ? { $: String(item) } : item,
  );
}

export function fromJson(text: string): Json {
  return JSON.parse(text, (_, item: unknown) =>
    typeof item === 'object' && item !== null && '$' in item && Object.keys(item).length === 1
      ? Number(item.$)
      : item,
  ) as Json;
}

/** The first name that an object of this valid JSON text has twice: `JSON.parse` keeps the last silently. */
export function checkKeys(text: string): string | undefined {
  const open: (Set<string> | undefined)[] = [];
  const token = /"(?:[^"\\]|\\.)*"(\s*:)?|[{}[\]]/gs;
  for (const [found, colon] of text.matchAll(token)) {
    if (found === '{') open.push(new Set());
    else if (found === '[') open.push(undefined);
    else if (found === '}' || found === ']') open.pop();
    else if (colon !== undefined) {
      const name = JSON.parse(found.slice(0, -colon.length)) as string;
      const names = open.at(-1)!;
      if (names.has(name)) return name;
      names.add(name);
    }
  }
  return undefined;
}

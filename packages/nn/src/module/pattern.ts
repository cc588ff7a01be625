/** Choosing parameters and modules by where they are. */
import { fail } from '@hebb/core';

/**
 * Which paths are meant. Text is compared part by part: `*` stands for one part or a piece of it, `**` for
 * any number of parts, and what lies below a match belongs to it (`encoder` takes `encoder.0.weight`). A
 * regular expression is searched for anywhere in the path.
 */
export type PathPattern = string | RegExp;

/** A test for paths. */
export function pathMatcher(pattern: PathPattern): (path: string) => boolean {
  if (pattern instanceof RegExp) {
    // A sticky or global one remembers where it stopped.
    const expression = new RegExp(pattern.source, pattern.flags.replaceAll(/[gy]/g, ''));
    return (path) => expression.test(path);
  }
  if (typeof pattern !== 'string' || pattern === '') {
    fail('pattern', 'a pattern is text or a regular expression', String(pattern));
  }
  const parts = pattern.split('.').map(partMatcher);
  return (path) => matchesFrom(parts, path.split('.'), 0, 0);
}

type Part = '**' | ((name: string) => boolean);

function partMatcher(part: string): Part {
  if (part === '**') return '**';
  const escaped = part.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`);
  const expression = new RegExp(`^${escaped.replaceAll(String.raw`\*`, '.*')}$`);
  return (name) => expression.test(name);
}

function matchesFrom(
  parts: readonly Part[],
  names: readonly string[],
  at: number,
  name: number,
): boolean {
  const part = parts[at];
  if (part === undefined) return true; // what is left of the path lies below the match
  if (part === '**') {
    for (let skip = name; skip <= names.length; skip++) {
      if (matchesFrom(parts, names, at + 1, skip)) return true;
    }
    return false;
  }
  const here = names[name];
  return here !== undefined && part(here) && matchesFrom(parts, names, at + 1, name + 1);
}

/** Those of the entries whose path fits one of the patterns. Throws for a pattern that fits nothing. */
export function selectPaths<T>(
  op: string,
  entries: ReadonlyMap<string, T>,
  patterns: readonly PathPattern[],
): Map<string, T> {
  const chosen = new Set<string>();
  for (const pattern of patterns) {
    const matches = pathMatcher(pattern);
    const found = [...entries.keys()].filter(matches);
    if (found.length === 0) {
      fail(op, 'nothing has a path like this', String(pattern), listed([...entries.keys()]));
    }
    for (const path of found) chosen.add(path);
  }
  return new Map([...entries].filter(([path]) => chosen.has(path)));
}

/** At most this many names in a message. */
const shown = 12;
export const listed = (names: readonly string[]): string =>
  names.slice(0, shown).join(', ') +
  (names.length > shown ? ` and ${names.length - shown} more` : '');

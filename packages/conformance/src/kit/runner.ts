/** How checks become tests. Any runner with nested groups will do; Jest's globals are the default. */
import { fail } from '@hebb/core';

export interface TestRunner {
  describe(name: string, body: () => void): void;
  test(name: string, body: () => void | Promise<void>, timeoutMs?: number): void;
  /** Reports a test that is left out; its name carries the reason. */
  skip(name: string): void;
}

type Describe = TestRunner['describe'];
type Test = TestRunner['test'] & { skip?: (name: string, body: () => void) => void };

/** The `describe` and `it` (or `test`) of Jest, Vitest, Mocha or `node:test`, where they are globals. */
export function globalRunner(): TestRunner {
  const globals = globalThis as { describe?: Describe; it?: Test; test?: Test };
  const { describe } = globals;
  const test = globals.it ?? globals.test;
  if (describe === undefined || test === undefined) {
    fail('conformance', 'there is no global `describe` and `it`: pass a runner', 'none', 'runner');
  }
  return {
    describe: (name, body) => {
      describe(name, body);
    },
    test: (name, body, timeoutMs) => {
      test(name, body, timeoutMs);
    },
    skip: (name) => {
      test.skip?.(name, () => undefined);
    },
  };
}

export interface Outcome {
  readonly passed: readonly string[];
  readonly failed: readonly { readonly name: string; readonly error: unknown }[];
  readonly skipped: readonly string[];
}

/**
 * A runner that needs no test framework: collects what a kit declares and runs it one after the other, in
 * a browser page, a worker or a script.
 *
 * ```ts
 * const { runner, run } = collect();
 * testBackend('mine', myBackend, { runner });
 * const { passed, failed } = await run();
 * ```
 */
export function collect(): { runner: TestRunner; run: (only?: RegExp) => Promise<Outcome> } {
  const groups: string[] = [];
  const tests: { name: string; body: () => void | Promise<void> }[] = [];
  const skipped: string[] = [];
  const named = (name: string): string => [...groups, name].join(' › ');
  const runner: TestRunner = {
    describe: (name, body) => {
      groups.push(name);
      body();
      groups.pop();
    },
    test: (name, body) => {
      tests.push({ name: named(name), body });
    },
    skip: (name) => {
      skipped.push(named(name));
    },
  };
  const run = async (only = /(?:)/): Promise<Outcome> => {
    const passed: string[] = [];
    const failed: { name: string; error: unknown }[] = [];
    for (const { name, body } of tests) {
      if (!only.test(name)) continue;
      try {
        await body();
        passed.push(name);
      } catch (error) {
        failed.push({ name, error });
      }
    }
    return { passed, failed, skipped };
  };
  return { runner, run };
}

/** A runner that leaves out tests whose name starts with a key of `reasons`, and says why. */
export function skipping(
  runner: TestRunner,
  reasons: Readonly<Record<string, string>> = {},
): TestRunner {
  const reasonFor = (name: string): string | undefined =>
    Object.entries(reasons).find(([start]) => name.startsWith(start))?.[1];
  return {
    ...runner,
    test: (name, body, timeoutMs) => {
      const reason = reasonFor(name);
      if (reason === undefined) runner.test(name, body, timeoutMs);
      else runner.skip(`${name} (skipped: ${reason})`);
    },
  };
}

/** `hebb check`: test suites in the formats of ONNX and ONNX.js. */
import { decodeImage, writeBytes } from '@hebb/data/node';
import { checkFolders } from '@hebb/onnx/node';
import type { CaseResult } from '@hebb/onnx/node';
import { defaultBackend, useBackend } from '../backends.ts';
import { UsageError } from '../errors.ts';

export interface CheckOptions {
  readonly backend?: string;
  readonly json?: string;
  readonly timeout?: number;
  readonly verbose?: boolean;
}

/**
 * Runs every test folder below the given ones. Prints a line for each failure (and, with `verbose`, for
 * each skipped case), then the counts. Returns whether nothing failed.
 */
export async function check(
  folders: readonly string[],
  { backend = defaultBackend, json, timeout = 60, verbose = false }: CheckOptions,
  print: (line: string) => void,
): Promise<boolean> {
  const { name } = await useBackend(backend);
  const started = performance.now();
  const { passed, failed, skipped, results } = await checkFolders(folders, {
    timeoutMs: timeout * 1000,
    importOptions: { decodeImage },
    onResult: (result) => {
      if (result.status === 'failed' || (verbose && result.status === 'skipped'))
        print(line(result));
    },
  });
  if (results.length === 0) {
    throw new UsageError(
      `no test found below ${folders.join(', ')}: a test is a folder with model.onnx and test_data_set_*, ` +
        'a NAME.onnx with NAME_output_0.pb, or a .jsonc file of operators',
    );
  }
  const reasons = new Map<string, number>();
  for (const result of results) {
    if (result.status === 'skipped') {
      const reason = result.reason ?? 'no reason given';
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    }
  }
  const top = [...reasons].sort((a, b) => b[1] - a[1]);
  for (const [reason, n] of top.slice(0, 10)) print(`skipped ${n}: ${reason}`);
  if (top.length > 10) print(`… and ${top.length - 10} more reasons (--verbose names each case)`);
  print(`backend ${name}, ${((performance.now() - started) / 1000).toFixed(1)} s`);
  print(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  if (json !== undefined) {
    const report = { backend: name, passed, failed, skipped, results };
    await writeBytes(json, new TextEncoder().encode(`${JSON.stringify(report, null, 2)}\n`));
  }
  return failed === 0;
}

function line(result: CaseResult): string {
  const parts = [
    result.operator === undefined ? '' : ` operator ${result.operator}`,
    result.maxError === undefined ? '' : ` largest error ${result.maxError.toPrecision(3)}`,
    result.reason === undefined ? '' : ` ${result.reason}`,
  ].filter((part) => part !== '');
  return `${result.status} ${result.name}:${parts.join(',')}`;
}

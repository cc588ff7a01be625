/** The table of operators in the docs: what runs where, differentiates, and is written. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeImage } from '@hebb/data/node';
import { OnnxModel, supportedOperators } from '@hebb/onnx';
import { checkFolders, findCases } from '@hebb/onnx/node';
import { useBackend } from '../backends.ts';
import { exportOpsets, exportedOperators } from './exports.ts';
import { gradientStatus } from './gradient.ts';
import type { GradientStatus } from './gradient.ts';

export const suites = [
  'onnx-node-tests',
  'onnx-simple-tests',
  'onnx-pytorch-operator-tests',
  'onnx-ops-jsonc',
] as const;

/** The backends that every machine has. */
const tabled = ['cpu', 'wasm'] as const;

interface Row {
  /** Passed and all cases by backend. */
  readonly forward: Map<string, { passed: number; all: number }>;
  readonly gradients: Map<GradientStatus, number>;
}

interface SpecEntry {
  readonly latest_since_version: number;
}

/**
 * Runs the public suites in `data` on every backend and writes down what passed.
 * Errors of the file system where `data` is not there.
 */
export async function operatorTable(
  data: string,
  log: (line: string) => void = () => undefined,
): Promise<string> {
  const rows = new Map<string, Row>();
  const rowOf = (name: string): Row => {
    let row = rows.get(name);
    if (row === undefined) rows.set(name, (row = { forward: new Map(), gradients: new Map() }));
    return row;
  };
  const totals: string[] = [];
  for (const backend of tabled) {
    await useBackend(backend);
    for (const suite of suites) {
      const { results, passed, failed, skipped } = await checkFolders([join(data, suite)], {
        importOptions: { decodeImage },
      });
      totals.push(`| ${suite} | ${backend} | ${passed} | ${failed} | ${skipped} |`);
      log(`${suite} on ${backend}: ${passed} passed, ${failed} failed, ${skipped} skipped`);
      for (const { operators, status } of results) {
        for (const name of operators) {
          const { forward } = rowOf(name);
          const count = forward.get(backend) ?? { passed: 0, all: 0 };
          forward.set(backend, {
            passed: count.passed + (status === 'passed' ? 1 : 0),
            all: count.all + 1,
          });
        }
      }
    }
  }
  await useBackend('cpu');
  for (const suite of suites) await gradientsOf(join(data, suite), rowOf);
  log('gradients compared with differences');
  const exported = await exportedOperators();
  const versions = await latestVersions(data);
  const names = [...new Set([...supportedOperators(), ...versions.keys()])].filter(
    (name) => !retired.has(name),
  );
  return page(names, { rows, exported, versions, totals });
}

/** No two runs of these give the same. */
const random = /^(Random|Bernoulli|Multinomial|Dropout)/;
/** Experimental operators that left the standard. */
const retired = new Set(['ImageScaler', 'Crop', 'Affine', 'ScaledTanh', 'ParametricSoftplus']);

/** Cases of one kind of operator say something about its gradient. */
async function gradientsOf(folder: string, rowOf: (name: string) => Row): Promise<void> {
  for await (const found of findCases(folder)) {
    const proto = await found.model();
    const kinds = new Set(
      (proto.graph?.node ?? []).map(({ opType = '', domain = '' }) => {
        return domain === '' || domain === 'ai.onnx' ? opType : `${domain}.${opType}`;
      }),
    );
    const [name] = kinds;
    const [set] = found.sets;
    if (name === undefined || kinds.size > 1 || set === undefined || random.test(name)) continue;
    const model = new OnnxModel(proto, { decodeImage });
    const status = await gradientStatus(model, (await set.read(model)).inputs);
    const { gradients } = rowOf(name);
    gradients.set(status, (gradients.get(status) ?? 0) + 1);
  }
}

/** Operators of the standard with the version of their latest change. */
async function latestVersions(data: string): Promise<Map<string, number>> {
  const file = join(data, 'onnx-spec/operators-latest-versions.json');
  const spec = JSON.parse(await readFile(file, 'utf8')) as {
    operators: Record<string, SpecEntry>;
    ml: Record<string, Record<string, SpecEntry>>;
  };
  const entries = [spec.operators, ...Object.values(spec.ml)].flatMap((group) =>
    Object.entries(group),
  );
  return new Map(entries.map(([name, { latest_since_version: since }]) => [name, since]));
}

interface Findings {
  readonly rows: ReadonlyMap<string, Row>;
  readonly exported: ReadonlyMap<string, ReadonlySet<number>>;
  readonly versions: ReadonlyMap<string, number>;
  readonly totals: readonly string[];
}

function page(names: readonly string[], { rows, exported, versions, totals }: Findings): string {
  const known = new Set(supportedOperators());
  const domains = new Map<string, string[]>();
  for (const name of names) {
    const at = name.lastIndexOf('.');
    const domain = at < 0 ? 'ai.onnx' : name.slice(0, at);
    domains.set(domain, [...(domains.get(domain) ?? []), name]);
  }
  const missing = names.filter((name) => !known.has(name));
  const lines: string[] = [
    '# ONNX operators',
    '',
    'Made by `npm run operators` from the public suites beside the repository; not written by hand.',
    '',
    `${known.size} operators are read${missing.length === 0 ? ', all of the current standard among them' : `; missing: ${missing.join(', ')}`}.`,
    '',
    '- **backends**: cases of the suites with this operator that pass, of all that have it. `·`: the suites have none',
    '  (operators of com.microsoft and ai.onnx.ml are checked against ONNX Runtime in the tests of `@hebb/onnx`).',
    '- **gradient**: `yes`: agrees with differences of the function; `–`: no real input reaches a real output, or it is',
    '  constant in pieces; `data`: the result has a shape or branch that numbers decide, so one graph does not hold;',
    '  `·`: no case.',
    `- **export**: written by \`toOnnx\`; \`N+\`: from opset N on (tried: ${exportOpsets.join(', ')}).`,
    '',
    '| suite | backend | passed | failed | listed |',
    '| --- | --- | ---: | ---: | ---: |',
    ...totals,
  ];
  for (const domain of [...domains.keys()].sort(byDomain)) {
    const list = domains.get(domain)!.sort((a, b) => a.localeCompare(b));
    lines.push('', `## ${domain}`, '');
    lines.push(`| operator | last changed | ${tabled.join(' | ')} | gradient | export |`);
    lines.push(`| --- | ---: | ${tabled.map(() => '---:').join(' | ')} | --- | --- |`);
    for (const name of list) {
      const row = rows.get(name);
      const forward = tabled.map((backend) => {
        const count = row?.forward.get(backend);
        return count === undefined ? '·' : `${count.passed} / ${count.all}`;
      });
      const short = name.slice(name.lastIndexOf('.') + 1);
      const version = versions.get(name) ?? '';
      const cells = [short, version, ...forward, gradientCell(row), exportCell(exported.get(name))];
      lines.push(`| ${cells.join(' | ')} |`);
    }
  }
  return `${lines.join('\n')}\n`;
}

/** The standard first. */
const byDomain = (a: string, b: string): number =>
  a === 'ai.onnx' ? -1 : b === 'ai.onnx' ? 1 : a.localeCompare(b);

function gradientCell(row: Row | undefined): string {
  const has = (status: GradientStatus): boolean => (row?.gradients.get(status) ?? 0) > 0;
  if (has('wrong')) return '**no**';
  if (has('right')) return 'yes';
  if (has('data')) return 'data';
  return has('none') ? '–' : '·';
}

function exportCell(opsets: ReadonlySet<number> | undefined): string {
  if (opsets === undefined) return '';
  const first = Math.min(...opsets);
  return first === exportOpsets[0] ? 'yes' : `${first}+`;
}

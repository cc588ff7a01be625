/** `hebb doctor`: whether a model fits into a worker, before it is deployed. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, extname, join } from 'node:path';
import { writeBytes } from '@hebb/data/node';
import { diagnose, planNames } from '../doctor/index.ts';
import type { Diagnosis, PlanName, Row } from '../doctor/index.ts';
import { UsageError } from '../errors.ts';
import { bytes, milliseconds, table } from '../format.ts';
import { compile } from './compile.ts';
import type { CompileOptions } from './compile.ts';

export interface DoctorOptions extends Omit<CompileOptions, 'target' | 'out'> {
  readonly plan?: string;
  readonly concurrency?: number;
  readonly measure?: boolean;
  readonly json?: string;
}

/** Prints a row for each limit; true unless one is over. */
export async function doctor(
  model: string,
  options: DoctorOptions,
  print: (line: string) => void,
): Promise<boolean> {
  const plan = planOf(options.plan ?? 'free');
  const { concurrency = 8, measure } = options;
  const diagnosis = await withCompiled(model, options, (folder) =>
    diagnose(folder, { plan, concurrency, measure }),
  );
  printDiagnosis(diagnosis, print);
  if (options.json !== undefined) {
    const text = `${JSON.stringify(diagnosis, null, 2)}\n`;
    await writeBytes(options.json, new TextEncoder().encode(text));
  }
  return diagnosis.verdict !== 'over';
}

export function planOf(name: string): PlanName {
  const found = planNames.find((known) => known === name);
  if (found !== undefined) return found;
  throw new UsageError(`unknown plan ${JSON.stringify(name)}: there is ${planNames.join(', ')}`);
}

/** Gives `body` the folder, compiled into a temporary one where the model is an ONNX file. */
async function withCompiled<T>(
  model: string,
  { shape, value, state, weightsStore, weightsType, encrypt, name, step }: DoctorOptions,
  body: (folder: string) => Promise<T>,
): Promise<T> {
  if (extname(model) !== '.onnx' && step === undefined) {
    if (shape !== undefined || value !== undefined || weightsStore !== undefined) {
      throw new UsageError(
        `${model} is compiled already: --shape and the like are for .onnx files`,
      );
    }
    return body(model);
  }
  const temporary = await mkdtemp(join(tmpdir(), 'hebb-compiled-'));
  try {
    const out = join(temporary, 'model');
    const given = { shape, value, state, weightsStore, weightsType, encrypt, name, step };
    const defined = Object.fromEntries(
      Object.entries(given).filter(([, value]) => value !== undefined),
    ) as Partial<CompileOptions>;
    const called = step === undefined ? { name: basename(model, extname(model)) } : {};
    await compile(
      model,
      { ...called, ...defined, target: 'worker', out, anySize: true },
      () => undefined,
    );
    return await body(out);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

const amount = (value: number, unit: Row['unit']): string =>
  unit === 'bytes' ? bytes(Math.round(value)) : milliseconds(value);

export function printDiagnosis(
  { model, plan, verdict, rows }: Diagnosis,
  print: (line: string) => void,
): void {
  const measured = rows.some((row) => row.measured !== undefined);
  const head = [
    '',
    ...(measured ? ['estimate', 'on workerd'] : ['takes']),
    'limit',
    '',
    'verdict',
    '',
  ];
  const lines = rows.map((row) => {
    const { name, unit, value, limit, verdict, how = '' } = row;
    const share = limit === undefined ? '' : `${((100 * value) / limit).toFixed(0)} %`;
    const onWorkerd = row.measured === undefined ? '' : amount(row.measured, unit);
    return [
      name,
      amount(value, unit),
      ...(measured ? [onWorkerd] : []),
      limit === undefined ? '' : amount(limit, unit),
      share,
      verdict,
      how,
    ];
  });
  const right = measured ? [1, 2, 3, 4] : [1, 2, 3];
  print(table(head, lines, right));
  for (const { name, verdict, advice = [] } of rows) {
    if (verdict === 'ok' || advice.length === 0) continue;
    print('');
    print(`${name} is ${verdict}:`);
    for (const line of advice) print(`- ${line}`);
  }
  print('');
  const said = { ok: 'fits', tight: 'fits, with little to spare', over: 'does not fit' };
  print(`${model} on the ${plan} plan: ${said[verdict]}`);
}

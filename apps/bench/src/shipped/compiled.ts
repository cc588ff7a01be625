/** Models compiled ahead of time, as `hebb compile` writes them. */
import { compileOnnx, writeCompiled } from '@hebb/cli';
import type { CompileTarget } from '@hebb/cli';
import { importOnnx } from '@hebb/onnx';
import type { ForwardCase } from '../cases/case.ts';
import { infer } from '../cases/infer.ts';
import { workOf } from '../cases/work.ts';
import { exportCase } from '../hebb/export.ts';

/** What is served cold: a tiny model and a small one. */
export const servedCases: readonly ForwardCase[] = ['lenet', 'mobilenetv2'].map((name) =>
  infer.find((c) => c.name === name)!,
);

export async function compileCase(
  c: ForwardCase,
  target: CompileTarget,
  folder: string,
): Promise<void> {
  const model = importOnnx(await exportCase(workOf(c)));
  const built = await compileOnnx(model, { name: c.name }, { simd: ['relaxed', 'plain'] });
  await writeCompiled(built, target, folder);
}

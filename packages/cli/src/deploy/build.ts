/** A project with its model in it: compiled, written or brought up to date. */
import { randomUUID } from 'node:crypto';
import { cp, mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, extname, join, relative, resolve } from 'node:path';
import { writeCompiled } from '../ahead/index.ts';
import { compile } from '../commands/compile.ts';
import type { CompileOptions } from '../commands/compile.ts';
import { readCompiled } from '../doctor/folder.ts';
import type { CompiledFolder } from '../doctor/folder.ts';
import { UsageError } from '../errors.ts';
import { reasonOf } from '../paths.ts';
import { isProject, writeProject } from './project.ts';
import type { FileFate } from './project.ts';
import { compileSample, sampleLabels } from './sample-model.ts';
import { smokeOf } from './smoke.ts';
import type { Smoke } from './smoke.ts';
import { modelNames, projectFiles, slug } from './template.ts';
import type { ProjectSpec } from './template.ts';

export interface ProjectOptions extends Omit<CompileOptions, 'target' | 'out'> {
  /** Folder of the project. Default: the worker's name. */
  readonly dir?: string;
}

export interface Project {
  readonly directory: string;
  readonly name: string;
  readonly model: CompiledFolder;
  readonly smoke: Smoke;
  readonly files: ReadonlyMap<string, FileFate>;
}

/**
 * Without a model: a small one, to begin with.
 * @throws UsageError for a folder that holds something else, and whatever `hebb compile` refuses.
 */
export async function buildProject(
  model: string | undefined,
  options: ProjectOptions,
): Promise<Project> {
  const name = options.name === undefined ? await nameFor(model, options) : slug(options.name);
  const directory = resolve(options.dir ?? name);
  await checkFolder(directory, options.dir ?? name);
  const inside = join(directory, 'model');
  if (model === undefined) {
    await writeCompiled(await compileSample(name), 'worker', inside);
  } else if (extname(model) === '.onnx' || options.step !== undefined) {
    const { dir: _, ...rest } = options;
    await compile(model, { ...rest, name, target: 'worker', out: inside, anySize: true }, () => {});
  } else {
    await readCompiled(model);
    if (resolve(model) !== inside) await replace(resolve(model), inside);
  }
  const compiled = await readCompiled(inside);
  const spec: ProjectSpec = {
    name,
    functions: compiled.plan.functions.map((fn) => fn.name),
    isStored: compiled.store !== undefined,
    bindings: await bindingsOf(inside),
    version: ownVersion,
    ...(model === undefined ? { labels: sampleLabels } : {}),
  };
  const files = await writeProject(directory, projectFiles(spec));
  const smoke = await smokeOf(compiled, modelNames(spec)[0]!);
  await writeFile(join(directory, 'smoke.json'), `${JSON.stringify(smoke, null, 2)}\n`);
  return { directory, name, model: compiled, smoke, files };
}

const { version: ownVersion } = createRequire(import.meta.url)('../../package.json') as {
  version: string;
};

/** A project keeps its name; else the model gives it. */
async function nameFor(model: string | undefined, { dir, step }: ProjectOptions): Promise<string> {
  if (dir !== undefined && (await isProject(dir))) {
    const text = await readFile(join(dir, 'package.json'), 'utf8').catch(() => '{}');
    const { name } = JSON.parse(text) as { name?: string };
    if (name !== undefined) return slug(name);
  }
  if (model === undefined) return 'iris';
  if (extname(model) === '.onnx' || step !== undefined)
    return slug(basename(model, extname(model)));
  return slug((await readCompiled(model)).plan.name);
}

async function checkFolder(directory: string, called: string): Promise<void> {
  const entries = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new UsageError(`${called} cannot be a project: ${reasonOf(error)}`);
  });
  const others = entries.filter((entry) => entry !== 'node_modules' && !entry.startsWith('.'));
  if (others.length === 0 || (await isProject(directory))) return;
  // A project that npm init or npm create began.
  if (others.every((entry) => /^package(-lock)?\.json$/.test(entry))) return;
  throw new UsageError(
    `${called} holds ${others.slice(0, 3).join(', ')} and is no project of hebb deploy: name another folder with --dir`,
  );
}

/** The folder as a copy, whole or not at all. */
async function replace(from: string, to: string): Promise<void> {
  const fresh = `${to}.${randomUUID()}.tmp`;
  await mkdir(dirname(to), { recursive: true });
  await cp(from, fresh, { recursive: true, filter: (path) => basename(path) !== '.wrangler' });
  await rm(to, { recursive: true, force: true });
  await rename(fresh, to);
}

/** What `wrangler.json` beside the model binds, seen from the project. */
async function bindingsOf(model: string): Promise<Record<string, unknown>> {
  const text = await readFile(join(model, 'wrangler.json'), 'utf8');
  const { r2_buckets, kv_namespaces, assets } = JSON.parse(text) as Record<string, unknown>;
  const directory = relative(resolve(model, '..'), join(model, 'assets'));
  return {
    ...(r2_buckets === undefined ? {} : { r2_buckets }),
    ...(kv_namespaces === undefined ? {} : { kv_namespaces }),
    ...(assets === undefined ? {} : { assets: { ...assets, directory: `./${directory}` } }),
  };
}

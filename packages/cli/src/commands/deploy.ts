/** `hebb deploy`: from a model to an address that answers, or to nothing changed. */
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { readdir } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { spawn } from 'node:child_process';
import { runWrangler, startWorker } from '@hebb/edge/node';
import { buildProject } from '../deploy/build.ts';
import type { Project, ProjectOptions } from '../deploy/build.ts';
import { smokeTest } from '../deploy/smoke.ts';
import { deployedVersion, rollBack, targetArguments } from '../deploy/versions.ts';
import type { Target } from '../deploy/versions.ts';
import { diagnose } from '../doctor/index.ts';
import { bundleConditions } from '../doctor/project.ts';
import { UsageError } from '../errors.ts';
import { planOf, printDiagnosis } from './doctor.ts';
import { upload } from './upload.ts';

export interface DeployOptions extends ProjectOptions {
  readonly env?: string;
  readonly plan?: string;
  readonly concurrency?: number;
  readonly dryRun?: boolean;
  readonly local?: boolean;
  /** True: only back to the version before. False: not even after a smoke test that fails. */
  readonly rollback?: boolean;
  readonly force?: boolean;
  /** Where `--local` listens. Default 8787. */
  readonly port?: number;
  /** Where it will answer, when that is not what wrangler prints. */
  readonly url?: string;
}

type Print = (line: string) => void;

/** Key for the smoke test of a worker that asks for one, so that it stands in no list of commands. */
const keyVariable = 'HEBB_KEY';

/** Returns whether the worker is where it should be and answers as it should. */
export async function deploy(
  model: string | undefined,
  options: DeployOptions,
  print: Print,
): Promise<boolean> {
  if (options.rollback === true) return goBack(options, print);
  if (model === undefined) throw new UsageError('name the model: hebb deploy MODEL');
  const plan = planOf(options.plan ?? 'free');
  const project = await buildProject(model, projectOptions(options));
  printFiles(project, print);
  await install(project.directory, print);
  const { concurrency = 8 } = options;
  const diagnosis = await diagnose(project.model.directory, {
    ...{ plan, concurrency, measure: false },
  });
  print('');
  printDiagnosis(diagnosis, print);
  print('');
  if (diagnosis.verdict === 'over' && options.force !== true) {
    print('not deployed: --force does it all the same');
    return false;
  }
  if (options.local === true) return runLocally(project, options.port ?? 8787, print);
  if (options.dryRun === true) {
    const bundled = await bundle(project, options, print);
    return bundled && (await runLocally(project, undefined, print));
  }
  return upThere(project, options, print);
}

/** What is handed on to `hebb compile`. */
function projectOptions(options: DeployOptions): ProjectOptions {
  const { dir, shape, value, state, step, name, weightsStore, weightsType, encrypt } = options;
  const given = { dir, shape, value, state, step, name, weightsStore, weightsType, encrypt };
  return Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== undefined),
  ) as ProjectOptions;
}

function printFiles({ directory, files }: Project, print: Print): void {
  const shown = relative(process.cwd(), directory) || '.';
  const kept = [...files].filter(([, fate]) => fate === 'kept').map(([path]) => path);
  print(`${shown}: model compiled`);
  for (const [path, fate] of files) if (fate !== 'unchanged') print(`${shown}/${path}: ${fate}`);
  if (kept.length > 0) print('what is kept has been edited; remove it to have it written anew');
}

/** `npm install` where the project's imports are not found. */
async function install(directory: string, print: Print): Promise<void> {
  const resolvable = (name: string): boolean => {
    try {
      createRequire(join(directory, 'package.json')).resolve(`${name}/package.json`);
      return true;
    } catch {
      return false;
    }
  };
  if (['@hebb/edge', '@hebb/runtime', 'wrangler'].every(resolvable)) return;
  print(`npm install in ${relative(process.cwd(), directory) || '.'}`);
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const child = spawn(npm, ['install', '--no-audit', '--no-fund'], {
    cwd: directory,
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: process.platform === 'win32',
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`npm install ended with code ${String(code)}`);
}

const targetOf = ({ directory }: Project, { env, name }: DeployOptions): Target => ({
  directory,
  ...(env === undefined ? {} : { env }),
  ...(name === undefined ? {} : { name }),
});

async function bundle(project: Project, options: DeployOptions, print: Print): Promise<boolean> {
  const { code, output } = await runWrangler(
    project.directory,
    ['deploy', '--dry-run', ...targetArguments(targetOf(project, options))],
    { conditions: bundleConditions },
  );
  print(output.trim());
  return code === 0;
}

/** Starts it on local workerd and tries it; with a port it stays there until it is interrupted. */
async function runLocally(
  project: Project,
  port: number | undefined,
  print: Print,
): Promise<boolean> {
  const { directory, model, smoke } = project;
  const persistTo = join(directory, '.wrangler/state');
  if (model.store !== undefined && model.store.kind !== 'assets') {
    await upload(model.directory, { persistTo }, print);
  }
  const worker = await startWorker({
    ...{ directory, persistTo, conditions: bundleConditions },
    ...(port === undefined ? {} : { port }),
  });
  try {
    const key = process.env[keyVariable];
    const problem = await smokeTest(worker.url, smoke, key === undefined ? {} : { key });
    if (problem !== undefined) {
      print(`smoke test on this machine failed: ${problem}`);
      return false;
    }
    print('smoke test on this machine: answers as it should');
    if (port !== undefined) {
      print(`${worker.url} until Ctrl-C`);
      await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
    }
    return true;
  } finally {
    await worker.stop();
  }
}

async function upThere(project: Project, options: DeployOptions, print: Print): Promise<boolean> {
  const { directory, model, smoke } = project;
  const target = targetOf(project, options);
  const before = await deployedVersion(target);
  if (model.store !== undefined && model.store.kind !== 'assets') {
    await upload(model.directory, { remote: true }, print);
  }
  const echo = (text: string): void => print(text.trimEnd());
  const { code, output } = await runWrangler(directory, ['deploy', ...targetArguments(target)], {
    conditions: bundleConditions,
    echo,
  });
  if (code !== 0) {
    print(`wrangler deploy ended with code ${code}: nothing is changed`);
    return false;
  }
  const url = options.url ?? /https:\/\/\S+\.workers\.dev/.exec(output)?.[0];
  if (url === undefined) {
    print('deployed; not tried, since wrangler prints no address: give --url');
    return true;
  }
  const key = process.env[keyVariable];
  const problem = await smokeTest(url, smoke, key === undefined ? {} : { key });
  if (problem === undefined) {
    print(`smoke test: ${url} answers as it should`);
    return true;
  }
  print(`smoke test failed: ${problem}`);
  if (options.rollback === false) return false;
  if (before === undefined) {
    print('there is no version to go back to: wrangler delete takes it away');
    return false;
  }
  const gone = await rollBack(target, before, `smoke test failed: ${problem}`.slice(0, 100), echo);
  print(gone ? `back to version ${before}` : 'going back failed: wrangler rollback');
  return false;
}

async function goBack(options: DeployOptions, print: Print): Promise<boolean> {
  const called = options.dir ?? options.name ?? '.';
  const directory = resolve(called);
  const entries = await readdir(directory).catch(() => []);
  if (!entries.some((entry) => /^wrangler\.(jsonc?|toml)$/.test(entry))) {
    throw new UsageError(
      `${called} is no worker project, it has no wrangler.jsonc: name its folder with --dir`,
    );
  }
  const { env, name } = options;
  const target: Target = {
    directory,
    ...(env === undefined ? {} : { env }),
    ...(name === undefined ? {} : { name }),
  };
  return rollBack(target, undefined, 'hebb deploy --rollback', (text) => print(text.trimEnd()));
}

/** The command line: what each command takes, and exit codes. */
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { backendNames, defaultBackend } from './backends.ts';
import { check } from './commands/check.ts';
import { compile } from './commands/compile.ts';
import { create } from './commands/create.ts';
import { deploy } from './commands/deploy.ts';
import { diff } from './commands/diff.ts';
import { doctor } from './commands/doctor.ts';
import { inspect } from './commands/inspect.ts';
import { modeNames, quantize } from './commands/quantize.ts';
import { run } from './commands/run.ts';
import { upload } from './commands/upload.ts';
import { computerNames } from './computers.ts';
import { UsageError } from './errors.ts';
import { messageOf } from './paths.ts';

const version = '0.1.0';

function integer(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0)
    throw new InvalidArgumentError('a non-negative integer is wanted.');
  return value;
}
function positive(text: string): number {
  const value = integer(text);
  if (value === 0) throw new InvalidArgumentError('a positive integer is wanted.');
  return value;
}
function real(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value))
    throw new InvalidArgumentError('a number is wanted.');
  return value;
}
const collect = (value: string, previous: string[] | undefined): string[] => [
  ...(previous ?? []),
  value,
];

export interface Output {
  out(text: string): void;
  err(text: string): void;
}

/**
 * Runs a command line and returns its exit code: 0 when all is well, 1 when something failed, 2 when the
 * command was not understood.
 */
export async function main(
  args: readonly string[],
  output: Output = {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
  },
): Promise<number> {
  const print = (line: string): void => output.out(`${line}\n`);
  let code = 0;
  const program = new Command('hebb')
    .description('Deep learning in TypeScript: run, inspect and check ONNX models.')
    .version(version)
    .exitOverride()
    .configureOutput({ writeOut: output.out, writeErr: output.err })
    .showHelpAfterError('(hebb --help lists the commands)');
  const backend = [
    '--backend <name>',
    `where to compute: ${backendNames.join(', ')}`,
    defaultBackend,
  ] as const;

  program
    .command('run')
    .description('run a model on files (.png, .json, .pb) or random numbers')
    .argument('<model>', 'an .onnx file')
    .option(
      '-i, --input <name=file>',
      'an input; the name may be left out when there is one',
      collect,
    )
    .option('--random', 'draw the inputs that are not given from a normal distribution')
    .option('--seed <n>', 'seed of --random', integer, 0)
    .option('--batch <n>', 'size of free dimensions with --random', positive, 1)
    .option('--mean <x>', 'subtracted from pixels scaled to 0..1', real)
    .option('--std <x>', 'divides the difference', real)
    .option('--invert', 'turn dark on light into light on dark')
    .option('--repeat <n>', 'run this many times and print the median time', positive, 1)
    .option(...backend)
    .option('--json <file>', 'write all output values')
    .action((model: string, options) => run(model, options, print));
  program
    .command('inspect')
    .description(
      'print inputs, outputs, shapes, operators, parameters, multiply-adds and peak memory',
    )
    .argument('<model>', 'an .onnx file')
    .option('--shape <name=n>', 'size of a named dimension, for the estimates', collect)
    .option('--nodes', 'list every node with the shapes of what it makes')
    .option('--html <file>', 'write a page with the drawn graph')
    .option('--json <file>', 'write the same as JSON')
    .action((model: string, options) => inspect(model, options, print));
  program
    .command('check')
    .description('run test suites in the formats of ONNX and ONNX.js and count what passes')
    .argument('<folders...>', 'folders of cases, also nested, or files: model.onnx, .jsonc')
    .option(...backend)
    .option('--timeout <seconds>', 'most time for one case', positive, 60)
    .option('--verbose', 'name skipped cases too')
    .option('--json <file>', 'write all results')
    .action(async (folders: string[], options) => {
      if (!(await check(folders, options, print))) code = 1;
    });
  program
    .command('diff')
    .description('compute a model in two ways and find the first operator whose result differs')
    .argument('<model>', 'an .onnx file')
    .option('--a <name>', `what counts as right: ${computerNames.join(', ')}`, 'cpu')
    .option('--b <name>', 'what is compared with it', 'wasm')
    .option('-i, --input <name=file>', 'an input, as for run', collect)
    .option('--random', 'draw the inputs that are not given from a normal distribution')
    .option('--seed <n>', 'seed of --random', integer, 0)
    .option('--batch <n>', 'size of free dimensions with --random', positive, 1)
    .option('--rtol <x>', 'relative tolerance', real)
    .option('--atol <x>', 'absolute tolerance', real)
    .option('--out <folder>', 'where the differing node goes as a test case (default: MODEL-diff)')
    .option('--all', 'print every value')
    .option('--json <file>', 'write all differences')
    .action(async (model: string, options) => {
      if (!(await diff(model, options, print))) code = 1;
    });
  program
    .command('quantize')
    .description('make a model smaller and say what it costs')
    .argument('<model>', 'an .onnx file')
    .requiredOption('--mode <name>', modeNames.join(', '))
    .option('--out <file>', 'where the model goes (default: MODEL.MODE.onnx)')
    .option('--data <path>', 'examples to judge by: .npz, or a folder with test_data_set_*')
    .option('--calibrate <path>', 'examples to find ranges on, for static (default: the data)')
    .option('--labels <name>', 'array of the .npz that holds classes (default: label, labels)')
    .option('--samples <n>', 'most rows to take of each', positive)
    .option(
      '--limit <x>',
      'refuse what costs more: accuracy, changed classes or relative error',
      real,
    )
    .option('--target <name>', `where speed is measured: ${computerNames.join(', ')}`, 'wasm')
    .option('--percentile', 'leave outliers out of the ranges')
    .option('--per-tensor', 'one scale a weight instead of one a channel')
    .option('--block <n>', 'rows that share a scale, for int4 (default 32)', positive)
    .option('--exclude <node>', 'leave this node as it is', collect)
    .option('--json <file>', 'write the figures')
    .action(async (model: string, options) => {
      if (!(await quantize(model, options, print))) code = 1;
    });
  program
    .command('compile')
    .description('compile a model ahead of time, for workers, Node or browser pages')
    .argument('<model>', 'an .onnx file, or with --step a module that describes functions')
    .requiredOption('--target <name>', 'where it will run: worker, node, browser, vercel')
    .requiredOption('--out <folder>', 'folder to write; one that an earlier run wrote is replaced')
    .option(
      '--shape <name=n[,name=m...]>',
      'sizes of the open axes; once for each combination of shapes',
      collect,
    )
    .option(
      '--value <input=number>',
      'an input that is the same at every call: what decides shapes and branches',
      collect,
    )
    .option('--state <input=output>', 'an input that takes an output of the call before', collect)
    .option('--step <export>', 'export that describes functions, a training step say')
    .option('--simd <name>', 'relaxed, plain, or both (default: relaxed for workers, else both)')
    .option('--name <name>', 'name of the model; the one in the file when left out')
    .option('--weights-store <name>', 'where a worker reads its weights: r2, kv, assets')
    .option('--weights-type <type>', 'how matrices are stored there: float32, float16, int8')
    .option('--encrypt', 'encrypt them with the key in HEBB_WEIGHTS_KEY')
    .action((model: string, options) => compile(model, options, print));
  program
    .command('upload')
    .description('put the weights of a compiled worker into its store')
    .argument('<folder>', 'what hebb compile --weights-store wrote')
    .option('--remote', 'into the one at Cloudflare, instead of the local one of wrangler dev')
    .option(
      '--persist-to <folder>',
      "where the local one is; the folder's .wrangler/state if not said",
    )
    .option('--to <name>', 'bucket, or id of the KV namespace, in place of those in wrangler.json')
    .action((folder: string, options) => upload(folder, options, print));

  program
    .command('doctor')
    .description('say whether a model fits into a worker, and what to change where it does not')
    .argument('<model>', 'a folder that hebb compile --target worker wrote, or an .onnx file')
    .option('--plan <name>', 'plan of the account: free, paid', 'free')
    .option('--concurrency <n>', 'requests that one worker answers at once', positive, 8)
    .option('--measure', 'measure start-up and processor time on local workerd as well')
    .option('--no-measure', 'estimate memory under load instead of measuring it there')
    .option('--shape <name=n[,name=m...]>', 'for an .onnx file: as for compile', collect)
    .option('--value <input=number>', 'for an .onnx file: as for compile', collect)
    .option('--state <input=output>', 'for an .onnx file: as for compile', collect)
    .option('--weights-store <name>', 'for an .onnx file: as for compile')
    .option('--weights-type <type>', 'for an .onnx file: as for compile')
    .option('--json <file>', 'write the figures')
    .action(async (model: string, options) => {
      if (!(await doctor(model, options, print))) code = 1;
    });
  program
    .command('create')
    .description('write a worker project around a model, or around a small one to begin with')
    .argument('<folder>', 'where it goes')
    .option('--model <model>', 'an .onnx file, or a folder that hebb compile --target worker wrote')
    .option('--name <name>', 'of the worker (default: of the folder)')
    .option('--shape <name=n[,name=m...]>', 'as for compile', collect)
    .option('--value <input=number>', 'as for compile', collect)
    .option('--weights-store <name>', 'as for compile')
    .option('--weights-type <type>', 'as for compile')
    .action((folder: string, options) => create(folder, options, print));
  program
    .command('deploy')
    .description('compile, check, write the worker project, deploy it, try it, go back if it fails')
    .argument('[model]', 'an .onnx file, or a folder that hebb compile --target worker wrote')
    .option('--name <name>', 'of the worker (default: of the model)')
    .option('--dir <folder>', 'folder of the project (default: the name)')
    .option('--env <name>', 'environment of wrangler.jsonc')
    .option('--plan <name>', 'plan of the account: free, paid', 'free')
    .option('--concurrency <n>', 'requests that one worker answers at once', positive, 8)
    .option('--dry-run', 'everything but the upload, tried on local workerd')
    .option('--local', 'run it on local workerd until it is interrupted')
    .option('--port <n>', 'where --local listens', positive, 8787)
    .option('--url <address>', 'where it answers, for the smoke test')
    .option('--force', 'deploy what the doctor says does not fit')
    .option('--rollback', 'go back to the version before, and nothing else')
    .option('--no-rollback', 'stay with the new version when the smoke test fails')
    .option('--shape <name=n[,name=m...]>', 'as for compile', collect)
    .option('--value <input=number>', 'as for compile', collect)
    .option('--state <input=output>', 'as for compile', collect)
    .option('--step <export>', 'as for compile')
    .option('--weights-store <name>', 'as for compile')
    .option('--weights-type <type>', 'as for compile')
    .option('--encrypt', 'as for compile')
    .action(async (model: string | undefined, options) => {
      if (!(await deploy(model, options, print))) code = 1;
    });

  try {
    await program.parseAsync([...args], { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    output.err(`hebb: ${messageOf(error)}\n`);
    if (process.env['HEBB_DEBUG'] === 'stack' && error instanceof Error)
      output.err(`${error.stack}\n`);
    return error instanceof UsageError ? 2 : 1;
  }
}

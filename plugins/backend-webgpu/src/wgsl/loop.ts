/**
 * Loop kernels. Either one invocation for each outer index, which runs the inner loops itself, or a team of them,
 * which shares the inner loops and brings its reductions together in workgroup memory.
 */
import type { Instruction, LoopKernel } from '@hebb/compiler';
import { isFloat, sizeOf } from '@hebb/core';
import type { DType } from '@hebb/core';
import { scalarFor } from './scalar.ts';
import { applyScalar, combine, constant, identity } from './scalar.ts';
import { typeName } from '../types.ts';
import { Values, statement, valueName } from './evaluate.ts';
import type { CodeContext } from './evaluate.ts';
import { decode, gridOf, groupNumber } from './shader.ts';
import type { Shader } from './shader.ts';
import type { Choice } from '../tuning.ts';
import { aloneFor, neighbours, otherTeams, partsFor, teamsFor } from './teams.ts';
import type { Kind, Teams } from './teams.ts';

export interface Dispatch {
  readonly code: string;
  readonly grid: readonly [number, number, number];
  /** What else would compute the same. */
  readonly choice?: Choice;
}

type Reduce = Extract<Instruction, { readonly op: 'reduce' }>;
type ArgReduce = Extract<Instruction, { readonly op: 'argreduce' }>;

/** `undefined` where there is nothing to do. */
export function loopShader(kernel: LoopKernel, shader: Shader): Dispatch | undefined {
  const outside = sizeOf(kernel.dims.slice(0, kernel.outer));
  if (outside === 0) return undefined;
  return loopsOf(kernel, shader, teamsFor(kernel, shader));
}

/** Loops of a product, with what else a device may be faster with. */
export function productShader(kernel: LoopKernel, newShader: () => Shader): Dispatch | undefined {
  const shader = newShader();
  const made = loopShader(kernel, shader);
  const others = Object.entries(otherTeams(kernel, shader));
  if (made === undefined || others.length === 0) return made;
  const { dims, outer, cost } = kernel;
  const sizes = [sizeOf(dims.slice(0, outer)), sizeOf(dims.slice(outer))];
  const rounded = sizes.map((size) => 2 ** Math.ceil(Math.log2(size)));
  const types = kernel.stages[0]!.code.flatMap((x) => (x.op === 'reduce' ? [x.dtype] : []));
  const choice: Choice = {
    key: `sums ${types.join('+')} ${rounded.join('x')} ${neighbours(kernel)}`,
    flops: cost.flops,
    variants: {
      usual: () => loopShader(kernel, newShader())!,
      ...Object.fromEntries(
        others.map(([name, teams]) => [name, () => loopsOf(kernel, newShader(), teams)]),
      ),
    },
  };
  return { ...made, choice };
}

/** A buffer of the generator's own: sums of parts of the inner loops, see `splitShader`. */
export const PARTIAL = -3;

/** Words of `PARTIAL`, or `undefined` where the loops are not worth two dispatches. */
export function partialWords(kernel: LoopKernel, kind: Kind): number | undefined {
  const parts = partsFor(kernel, kind);
  if (parts === undefined) return undefined;
  const sums = kernel.stages[0]!.code.filter(({ op }) => op === 'reduce').length;
  return sizeOf(kernel.dims.slice(0, kernel.outer)) * sums * parts;
}

/**
 * A kernel whose few long sums are made in parts first, by more workgroups than there are sums. One half makes them
 * and leaves them in `PARTIAL`, the other adds them up and does the rest.
 */
export function splitShader(kernel: LoopKernel, shader: Shader, half: Half): Dispatch {
  const split = { parts: partsFor(kernel, shader)!, half };
  if (half === 'rest') {
    return sharedLoops(kernel, shader, { members: 32, teams: 2, along: 'inner' }, split);
  }
  const team = teamsFor(kernel, shader)!;
  return sharedLoops({ ...kernel, stages: kernel.stages.slice(0, 1) }, shader, team, split);
}

/** What each half touches of the kernel's own buffers. */
export const stagesOfHalf = ({ stages }: LoopKernel, half: Half): LoopKernel['stages'] =>
  half === 'parts' ? stages.slice(0, 1) : stages.slice(1);

export type Half = 'parts' | 'rest';
interface Split {
  readonly parts: number;
  readonly half: Half;
}

function loopsOf(kernel: LoopKernel, shader: Shader, teams: Teams | undefined): Dispatch {
  return teams === undefined ? ownLoops(kernel, shader) : sharedLoops(kernel, shader, teams);
}

const variableNames = (dims: readonly number[]): string[] => dims.map((_, i) => `v${i}`);

function ownLoops(kernel: LoopKernel, shader: Shader): Dispatch {
  const { dims, outer, stages } = kernel;
  const outside = sizeOf(dims.slice(0, outer));
  const variables = variableNames(dims);
  const context: CodeContext = { shader, values: new Values(), variables };
  const alone = aloneFor(kernel, shader);
  const groups = Math.ceil(outside / alone);
  const lines = [
    `let item = ${groupNumber(groups)} * ${alone} + i32(lane);`,
    `if (item >= ${outside}) { return; }`,
    decode('item', variables.slice(0, outer), dims.slice(0, outer)),
  ];
  for (const { inner, code } of stages) {
    if (!inner) {
      for (const x of code) lines.push(statement(context, x));
      continue;
    }
    const sums = code.filter((x) => x.op === 'reduce' || x.op === 'argreduce');
    for (const x of sums) lines.push(begin(context, x, code));
    for (let v = outer; v < dims.length; v++) {
      lines.push(`for (var v${v} = 0; v${v} < ${dims[v]!}; v${v} = v${v} + 1) {`);
    }
    for (const x of code) {
      lines.push(
        x.op === 'reduce' || x.op === 'argreduce'
          ? advance(context, x, position(dims, outer))
          : statement(context, x),
      );
    }
    lines.push('}'.repeat(dims.length - outer));
    for (const x of sums) lines.push(finish(context, x));
  }
  return { code: shader.finish(alone, lines.join('\n')), grid: gridOf(groups) };
}

function sharedLoops(
  kernel: LoopKernel,
  shader: Shader,
  team: Teams,
  { parts, half }: Split | { readonly parts: 1; readonly half?: undefined } = { parts: 1 },
): Dispatch {
  const { dims, outer, stages } = kernel;
  const { members, teams, along } = team;
  const outside = sizeOf(dims.slice(0, outer));
  const inside = sizeOf(dims.slice(outer));
  const variables = variableNames(dims);
  const context: CodeContext = { shader, values: new Values(), variables };
  const rows = Math.ceil(outside / teams);
  const groups = half === 'parts' ? rows * parts : rows;
  const [fast, slow] = along === 'inner' ? ['member', 'team'] : ['team', 'member'];
  const fastSize = along === 'inner' ? members : teams;
  // Teams without an outer index go along to the meetings, and do nothing.
  const hasIdle = outside % teams !== 0;
  const lines = [
    `let number = ${groupNumber(groups)};`,
    `if (number >= ${groups}) { return; }`,
    `let ${fast} = i32(lane) % ${fastSize};`,
    `let ${slow} = i32(lane) / ${fastSize};`,
    `let place = ${half === 'parts' ? `number % ${rows}` : 'number'} * ${teams} + team;`,
    ...(hasIdle ? [`let busy = place < ${outside};`] : []),
    `let item = ${hasIdle ? `min(place, ${outside - 1})` : 'place'};`,
    decode('item', variables.slice(0, outer), dims.slice(0, outer)),
  ];
  const once = `if (member == 0${hasIdle ? ' && busy' : ''}) {`;
  const turns = (from: string, to: string, body: readonly string[]): string[] => [
    `for (var turn = ${from}; turn < ${hasIdle ? `select(0, ${to}, busy)` : to}; turn = turn + ${members}) {`,
    ...body,
    '}',
  ];
  let first = true;
  for (const { inner, code } of stages) {
    if (!inner) {
      const stores = code.filter((x) => x.op === 'store');
      for (const x of code) if (x.op !== 'store') lines.push(statement(context, x));
      if (stores.length > 0) lines.push(once, ...stores.map((x) => statement(context, x)), '}');
      continue;
    }
    // What an earlier stage left in memory is there for all.
    if (!first) lines.push('storageBarrier();');
    const sums = code.filter((x) => x.op === 'reduce' || x.op === 'argreduce');
    for (const x of sums) lines.push(begin(context, x, code));
    const partial = (k: number, part: string): string =>
      `(item * ${sums.length} + ${k}) * ${parts} + ${part}`;
    if (first && half === 'rest') {
      const added = sums.map((x, k) => {
        const value = shader.load(PARTIAL, partial(k, 'turn'));
        return `a${x.id} = ${combine((x as Reduce).name, x.dtype, `a${x.id}`, value, shader.use)};`;
      });
      lines.push(...turns('member', String(parts), added));
    } else {
      const body = code.map((x) =>
        x.op === 'reduce' || x.op === 'argreduce'
          ? advance(context, x, 'turn')
          : statement(context, x),
      );
      const each = Math.ceil(inside / parts);
      const [from, to] =
        half === 'parts'
          ? [
              `number / ${rows} * ${each} + member`,
              `min((number / ${rows} + 1) * ${each}, ${inside})`,
            ]
          : ['member', String(inside)];
      lines.push(
        ...turns(from, to, [decode('turn', variables.slice(outer), dims.slice(outer)), ...body]),
      );
    }
    for (const x of sums) lines.push(together(context, x, team));
    if (half === 'parts') {
      const kept = sums.map(({ id }, k) =>
        shader.store(PARTIAL, partial(k, `number / ${rows}`), valueName(id)),
      );
      lines.push(once, ...kept, '}');
    }
    first = false;
  }
  return { code: shader.finish(members * teams, lines.join('\n')), grid: gridOf(groups) };
}

/** Row-major position over the inner loops. */
function position(dims: readonly number[], outer: number): string {
  let code = '0';
  for (let v = outer; v < dims.length; v++) {
    code = v === outer ? `v${v}` : `(${code} * ${dims[v]!} + v${v})`;
  }
  return code;
}

/** The type of what a search compares. */
function searched(context: CodeContext, x: ArgReduce, code: readonly Instruction[]) {
  const source = code.find((y) => y.op !== 'store' && y.id === x.arg);
  return source !== undefined && source.op !== 'store' ? source.dtype : context.values.dtype(x.arg);
}

function begin(context: CodeContext, x: Reduce | ArgReduce, code: readonly Instruction[]): string {
  const { use } = context.shader;
  if (x.op === 'reduce') {
    const scalar = typeName(scalarFor(x.name, x.dtype));
    return `var a${x.id}: ${scalar} = ${constant(x.dtype, identity(x.name, x.dtype), use)};`;
  }
  const dtype = searched(context, x, code);
  return `var a${x.id}: ${typeName(scalarFor(x.name, dtype))} = ${constant(dtype, 0, use)};
var p${x.id}: i32 = -1;`;
}

function advance(context: CodeContext, x: Reduce | ArgReduce, at: string): string {
  const { use } = context.shader;
  const value = valueName(x.arg);
  if (x.op === 'reduce') {
    return `a${x.id} = ${combine(x.name, x.dtype, `a${x.id}`, value, use)};`;
  }
  const better = betterThan(context, x, value, at, `a${x.id}`, `p${x.id}`);
  return `if (p${x.id} < 0 || ${better}) { a${x.id} = ${value}; p${x.id} = ${at}; }`;
}

/** Whether one candidate comes before another: larger or smaller, NaN first, then the earlier position. */
function betterThan(
  { values, shader }: CodeContext,
  x: ArgReduce,
  value: string,
  at: string,
  best: string,
  bestAt: string,
): string {
  const dtype = values.dtype(x.arg);
  if (dtype === 'bool') {
    const wins = x.name === 'argmax' ? `(${value} && !${best})` : `(!${value} && ${best})`;
    return `(${wins} || (${value} == ${best} && ${at} < ${bestAt}))`;
  }
  if (!isFloat(dtype)) {
    const pair = x.name === 'argmax' ? [best, value] : [value, best];
    const wins = applyScalar('lt', dtype, pair, shader.use);
    const same = applyScalar('eq', dtype, [value, best], shader.use);
    return `(${wins} || (${same} && ${at} < ${bestAt}))`;
  }
  const wins = x.name === 'argmax' ? `${value} > ${best}` : `${value} < ${best}`;
  shader.use('isNan');
  const [nan, bestNan] = [`isNan(${value})`, `isNan(${best})`];
  return (
    `((${nan} && !${bestNan}) || (${nan} == ${bestNan} && ` +
    `((!${nan} && ${wins}) || ((${nan} || ${value} == ${best}) && ${at} < ${bestAt}))))`
  );
}

function finish({ values }: CodeContext, x: Reduce | ArgReduce): string {
  values.define(x.id, x.dtype);
  const name = valueName(x.id);
  return x.op === 'reduce' ? `let ${name} = a${x.id};` : `let ${name} = max(p${x.id}, 0);`;
}

/** Brings the accumulators of each team together. */
function together(context: CodeContext, x: Reduce | ArgReduce, team: Teams): string {
  const dtype = x.op === 'reduce' ? x.dtype : context.values.dtype(x.arg);
  const { hasSubgroups, isSoftware } = context.shader;
  return hasSubgroups && !isSoftware && team.teams === 1 && dtype !== 'bool'
    ? bySubgroups(context, x, dtype, team.members)
    : byHalves(context, x, dtype, team);
}

/** One accumulator and another: the code that makes the first that of both. */
function merge(
  context: CodeContext,
  x: Reduce | ArgReduce,
  dtype: DType,
  [best, bestAt]: readonly [string, string],
  [other, otherAt]: readonly [string, string],
): string {
  if (x.op === 'reduce') {
    return `${best} = ${combine(x.name, dtype, best, other, context.shader.use)};`;
  }
  const better = betterThan(context, x, other, otherAt, best, bestAt);
  return `if (${otherAt} >= 0 && (${bestAt} < 0 || ${better})) { ${best} = ${other}; ${bestAt} = ${otherAt}; }`;
}

/** Memory in which the invocations of a workgroup meet. */
function declareShared(
  { shader }: CodeContext,
  x: Reduce | ArgReduce,
  dtype: DType,
  width: number,
) {
  const [shared, places] = [`shared${x.id}`, `places${x.id}`];
  shader.global(
    `var<workgroup> ${shared}: array<${typeName(scalarFor(x.name, dtype))}, ${width}>;`,
  );
  if (x.op === 'argreduce') shader.global(`var<workgroup> ${places}: array<i32, ${width}>;`);
  return { shared, places, isSearch: x.op === 'argreduce' };
}

/** Within subgroups without memory, in turns over each bit of the lane's number; then over the subgroups. */
function bySubgroups(
  context: CodeContext,
  x: Reduce | ArgReduce,
  dtype: DType,
  width: number,
): string {
  const { id } = x;
  context.shader.useSubgroups();
  const { shared, places, isSearch } = declareShared(context, x, dtype, width);
  const own = [`a${id}`, `p${id}`] as const;
  const lines = [
    `for (var bit${id} = 1u; bit${id} < subgroupSize; bit${id} = bit${id} * 2u) {`,
    `let other${id} = subgroupShuffleXor(a${id}, bit${id});`,
    ...(isSearch ? [`let otherAt${id} = subgroupShuffleXor(p${id}, bit${id});`] : []),
    merge(context, x, dtype, own, [`other${id}`, `otherAt${id}`]),
    '}',
    'if (subgroupLane == 0u) {',
    `${shared}[subgroup] = a${id};`,
    ...(isSearch ? [`${places}[subgroup] = p${id};`] : []),
    '}',
    'workgroupBarrier();',
    `a${id} = ${shared}[0];`,
    ...(isSearch ? [`p${id} = ${places}[0];`] : []),
    `for (var s${id} = 1u; s${id} < subgroupCount; s${id} = s${id} + 1u) {`,
    merge(context, x, dtype, own, [`${shared}[s${id}]`, `${places}[s${id}]`]),
    '}',
  ];
  return [...lines, finish(context, x)].join('\n');
}

/** In memory of the workgroup, halves of each team onto halves. */
function byHalves(
  context: CodeContext,
  x: Reduce | ArgReduce,
  dtype: DType,
  { members, teams, along }: Teams,
): string {
  const { id } = x;
  const { shared, places, isSearch } = declareShared(context, x, dtype, members * teams);
  const apart = along === 'inner' || teams === 1 ? '' : ` * ${teams}u`;
  const other = `lane + half${id}${apart}`;
  const lines = [
    `${shared}[lane] = a${id};`,
    ...(isSearch ? [`${places}[lane] = p${id};`] : []),
    'workgroupBarrier();',
    `for (var half${id} = ${members / 2}u; half${id} > 0u; half${id} = half${id} / 2u) {`,
    `if (u32(member) < half${id}) {`,
    merge(
      context,
      x,
      dtype,
      [`${shared}[lane]`, `${places}[lane]`],
      [`${shared}[${other}]`, `${places}[${other}]`],
    ),
    '}',
    'workgroupBarrier();',
    '}',
  ];
  context.values.define(id, x.dtype);
  const head = along === 'inner' ? `team * ${members}` : 'team';
  const source = isSearch ? `max(${places}[${head}], 0)` : `${shared}[${head}]`;
  return [...lines, `let ${valueName(id)} = ${source};`].join('\n');
}

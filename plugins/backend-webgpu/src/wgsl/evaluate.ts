/** Straight-line code of kernels as WGSL statements. */
import type { Condition, Instruction } from '@hebb/compiler';
import type { DType } from '@hebb/core';
import { applyScalar, bitcastScalar, castScalar, constant, settle } from './scalar.ts';
import { scalarFor } from './scalar.ts';
import { typeName } from '../types.ts';
import { conditionsCode, indexCode } from './shader.ts';
import type { Shader } from './shader.ts';

/** Types of the values that are defined so far, shared by all stages of a kernel. */
export class Values {
  readonly #types = new Map<number, DType>();
  /** Values that are halves as they came from memory: where they only move, every bit is kept. */
  readonly halves = new Set<number>();

  define(id: number, dtype: DType): void {
    this.#types.set(id, dtype);
  }

  dtype(id: number): DType {
    return this.#types.get(id)!;
  }
}

export const valueName = (id: number): string => `t${id}`;
const halfName = (id: number): string => `h${id}`;

export interface CodeContext {
  readonly shader: Shader;
  readonly values: Values;
  /** Names of the loop variables. */
  readonly variables: readonly string[];
  /** The result that attached code starts from, and its type. */
  readonly result?: { readonly code: string; readonly dtype: DType };
}

/** One instruction; reductions are the caller's. */
export function statement(context: CodeContext, instruction: Instruction): string {
  const { shader, values, variables } = context;
  const { use } = shader;
  if (instruction.op === 'store') {
    const { buffer, index, arg } = instruction;
    const [from, to] = [values.dtype(arg), shader.dtype(buffer)];
    if (values.halves.has(arg) && shader.isHalf(buffer)) {
      return shader.storeHalf(buffer, indexCode(index, variables), halfName(arg));
    }
    const value =
      from === to ? settle(to, valueName(arg), use) : castScalar(from, to, valueName(arg), use);
    return shader.store(buffer, indexCode(index, variables), value);
  }
  if (instruction.op === 'reduce' || instruction.op === 'argreduce') return '';
  const { id, dtype } = instruction;
  values.define(id, dtype);
  const name = valueName(id);
  const define = (code: string): string => `let ${name} = ${code};`;
  switch (instruction.op) {
    case 'const':
      return define(constant(dtype, instruction.value, use));
    case 'load': {
      const { buffer, index, conditions = [], otherwise = 0 } = instruction;
      const from = shader.dtype(buffer);
      if (shader.isHalf(buffer) && dtype === 'float16' && Number(otherwise) === 0) {
        return half(shader.loadHalf(buffer, indexCode(index, variables)), conditions);
      }
      const value = castScalar(from, dtype, shader.load(buffer, indexCode(index, variables)), use);
      return guarded(name, dtype, value, conditions, constant(dtype, otherwise, use));
    }
    case 'gather': {
      const { buffer, index, at, stride, size, conditions = [] } = instruction;
      // A position out of range is undefined, but must not leave the buffer.
      const number = castScalar(values.dtype(at), 'int32', valueName(at), use);
      const place = `clamp(${number}, 0, ${Math.max(0, size - 1)})`;
      const where = `(${indexCode(index, variables)} + ${place}${stride === 1 ? '' : ` * ${stride}`})`;
      if (shader.isHalf(buffer) && dtype === 'float16') {
        return half(shader.loadHalf(buffer, where), conditions);
      }
      const value = castScalar(shader.dtype(buffer), dtype, shader.load(buffer, where), use);
      return guarded(name, dtype, value, conditions, constant(dtype, 0, use));
    }
    case 'index': {
      const at = indexCode(instruction.index, variables);
      return define(castScalar('int32', dtype, `i32(${at})`, use));
    }
    case 'inside':
      return define(
        instruction.conditions.length === 0
          ? 'true'
          : `(${conditionsCode(instruction.conditions, variables)})`,
      );
    case 'result':
      return define(context.result!.code);
    case 'apply': {
      const { name: op, args } = instruction;
      const names = args.map(valueName);
      const type = values.dtype(args[0]!);
      if (op === 'cast') return define(castScalar(type, dtype, names[0]!, use));
      if (op === 'bitcast') return define(bitcastScalar(type, dtype, names[0]!, use));
      if (op === 'where') return define(`select(${names[2]!}, ${names[1]!}, ${names[0]!})`);
      return define(applyScalar(op, type, names, use));
    }
  }

  function half(value: string, conditions: readonly Condition[]): string {
    values.halves.add(id);
    const own = halfName(id);
    const load =
      conditions.length === 0
        ? `let ${own} = ${value};`
        : `var ${own} = 0.0h;
if (${conditionsCode(conditions, variables)}) { ${own} = ${value}; }`;
    return `${load}
let ${name} = f32(${own});`;
  }

  function guarded(
    target: string,
    type: DType,
    value: string,
    conditions: readonly Condition[],
    otherwise: string,
  ): string {
    if (conditions.length === 0) return define(value);
    return `var ${target}: ${typeName(scalarFor('load', type))} = ${otherwise};
if (${conditionsCode(conditions, variables)}) { ${target} = ${value}; }`;
  }
}

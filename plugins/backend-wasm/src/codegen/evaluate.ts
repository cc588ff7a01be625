/** Instructions of a kernel as code, one after the other, over scalars or four lanes along one variable. */
import type { Condition, Defining, Index, Instruction } from '@hebb/compiler';
import type { DType } from '@hebb/core';
import { i32, i32x4, select, v128 } from '../wasm/index.ts';
import type { Code, I32, V128 } from '../wasm/index.ts';
import { loadEach, loadLanes, loadScalar, storeEach, storeLanes, storeScalar } from './access.ts';
import {
  conditionsMention,
  inRange,
  indexCode,
  laneStride,
  mentions,
  termsCode,
} from './affine.ts';
import { bitcastLanes, bitcastScalar, castLanes, castScalar } from './cast.ts';
import { applyScalar, constantScalar } from './scalar.ts';
import { isWide } from './helpers.ts';
import type { OpContext } from './scalar.ts';
import { bytesOf } from './types.ts';
import type { Value } from './types.ts';
import { applyLanes, constantLanes, extractLane, lanesOf, splat } from './vector.ts';

export interface BufferAccess {
  /** Address of the first element. */
  pointer(buffer: number): I32;
  dtype(buffer: number): DType;
  /** See `Target`. */
  readonly far?: boolean;
}

export interface CodeContext extends OpContext {
  readonly buffers: BufferAccess;
}

/** The vector that code runs on: lane i stands for coordinate + i · step of the variable. */
export interface Lanes {
  readonly variable: number;
  readonly count: number;
  readonly step: number;
  /** Vectors start at multiples of 4. */
  readonly aligned: boolean;
}

/** Parts of addresses that do not depend on the innermost loop, computed before it. */
export interface Hoisting {
  readonly loop: number;
  readonly bases: Map<object, I32>;
}

type Memory = Extract<Instruction, { readonly op: 'load' | 'gather' | 'store' }>;

export class Evaluator {
  readonly context: CodeContext;
  readonly lanes: Lanes | undefined;
  /** Coordinate of each variable; of the vector's, that of lane 0. */
  readonly coordinates: readonly I32[];
  readonly #values = new Map<number, Value>();
  readonly #parent: Evaluator | undefined;
  readonly #hoisting: Hoisting | undefined;

  constructor(
    context: CodeContext,
    coordinates: readonly I32[],
    lanes: Lanes | undefined,
    parent?: Evaluator,
    hoisting?: Hoisting,
  ) {
    this.context = context;
    this.coordinates = coordinates;
    this.lanes = lanes;
    this.#parent = parent;
    this.#hoisting = hoisting;
  }

  get(id: number): Value {
    const value = this.find(id);
    if (value === undefined) throw new Error(`value ${id} is used before it is computed`);
    return value;
  }

  find(id: number): Value | undefined {
    return this.#values.get(id) ?? this.#parent?.find(id);
  }

  define(id: number, value: Value): void {
    this.#values.set(id, value);
  }

  run(code: readonly Instruction[]): void {
    for (const instruction of code) this.step(instruction);
  }

  step(instruction: Instruction): void {
    switch (instruction.op) {
      case 'store':
        this.#store(instruction);
        return;
      case 'reduce':
      case 'argreduce':
      case 'result':
        // Known from elsewhere.
        return;
      default:
        this.define(instruction.id, this.#value(instruction));
    }
  }

  /**
   * An instruction for several vectors at once. Where it is a polynomial, two go through it side by side:
   * with more the machine runs out of registers.
   */
  static stepAll(list: readonly Evaluator[], instruction: Instruction): void {
    if (instruction.op === 'apply' && isWide(instruction.name) && instruction.dtype === 'float32') {
      const { id, name, dtype } = instruction;
      const args = list.map((x) => x.get(instruction.args[0]!));
      if (args.every(({ vector }) => vector)) {
        for (let i = 0; i < list.length; i += 2) {
          const { f, helpers } = list[i]!.context;
          const some = args.slice(i, i + 2).map(lanesOf);
          const results = helpers.inlineAll(f, name, some);
          results.forEach((code, k) => list[i + k]!.define(id, { dtype, code, vector: true }));
        }
        return;
      }
    }
    for (const x of list) x.step(instruction);
  }

  #value(instruction: Defining): Value {
    const { dtype } = instruction;
    switch (instruction.op) {
      case 'const': {
        const { value } = instruction;
        return { dtype, code: constantScalar(dtype, value), vector: false, constant: value };
      }
      case 'load':
        return this.#load(instruction);
      case 'gather':
        return this.#gather(instruction);
      case 'index':
        return this.#index(instruction.index, dtype);
      case 'inside':
        return this.#inside(instruction.conditions);
      case 'apply':
        return this.#apply(instruction.name, dtype, instruction.args);
      default:
        throw new Error(`${instruction.op} is not computed here`);
    }
  }

  #hold(dtype: DType, code: Code, vector: boolean): Value {
    return { dtype, code: this.context.f.let(code), vector };
  }

  #apply(name: string, dtype: DType, ids: readonly number[]): Value {
    const { context } = this;
    const { f } = context;
    const args = ids.map((id) => this.get(id));
    const [a, b, c] = args as [Value, Value, Value];
    if (args.some((arg) => arg.vector)) {
      const lanes = args.map(lanesOf);
      switch (name) {
        case 'cast':
          return this.#hold(dtype, castLanes(f, a.dtype, dtype, lanes[0]!), true);
        case 'bitcast':
          return this.#hold(dtype, bitcastLanes(f, a.dtype, dtype, lanes[0]!), true);
        case 'where':
          return this.#hold(dtype, v128.bitselect(lanes[1]!, lanes[2]!, lanes[0]!), true);
        default: {
          const constants = args.map((arg) => arg.constant);
          return this.#hold(dtype, applyLanes(context, name, a.dtype, lanes, constants), true);
        }
      }
    }
    switch (name) {
      case 'cast':
        return this.#hold(dtype, castScalar(f, a.dtype, dtype, a.code), false);
      case 'bitcast':
        return this.#hold(dtype, bitcastScalar(f, a.dtype, dtype, a.code), false);
      case 'where':
        return this.#hold(dtype, select(b.code, c.code, a.code as I32), false);
      default: {
        const codes = args.map((arg) => arg.code);
        return this.#hold(dtype, applyScalar(context, name, a.dtype, codes), false);
      }
    }
  }

  /** Whether an index differs between lanes. */
  #varies(index: Index, conditions?: readonly Condition[]): boolean {
    const { lanes } = this;
    if (lanes === undefined) return false;
    return mentions(index, lanes.variable) || conditionsMention(conditions, lanes.variable);
  }

  #stride(index: Index): number | undefined {
    const { lanes } = this;
    if (lanes === undefined) return 0;
    const stride = laneStride(index, lanes.variable, lanes.aligned && lanes.step === 1);
    return stride === undefined ? undefined : stride * lanes.step;
  }

  #coordinatesOf(lane: number): readonly I32[] {
    const { lanes, coordinates } = this;
    if (lanes === undefined || lane === 0) return coordinates;
    return coordinates.map((x, variable) =>
      variable === lanes.variable ? i32.add(x, i32.const(lane * lanes.step)) : x,
    );
  }

  /** `scale` times the index of lane 0, plus an origin, with what was hoisted taken from there. */
  #position(key: object, index: Index, scale: number, origin: I32): I32 {
    const hoisting = this.#hoisting;
    const base = hoisting?.bases.get(key);
    if (base === undefined) {
      const position = i32.mul(indexCode(index, this.coordinates), i32.const(scale));
      const at = i32.add(origin, position);
      // A constant folded into the access would leave a negative address behind it.
      return index.terms.some((term) => term.stride < 0) ? this.context.f.let(at) : at;
    }
    const moving = termsCode(index, this.coordinates, (term) => term.variable === hoisting!.loop);
    return i32.add(base, i32.mul(moving, i32.const(scale)));
  }

  /** Computes before the loop over `loop` what the code's addresses have in common inside it. */
  hoist(code: readonly Instruction[], loop: number): Hoisting {
    const { f, buffers } = this.context;
    const bases = new Map<object, I32>();
    const add = (key: object, index: Index, scale: number, origin: I32): void => {
      const fixed = termsCode(index, this.coordinates, (term) => term.variable !== loop);
      const position = i32.add(fixed, i32.const(index.offset));
      bases.set(key, f.local('i32', i32.add(origin, i32.mul(position, i32.const(scale)))));
    };
    for (const instruction of code) {
      if ('buffer' in instruction) {
        const bytes = bytesOf(buffers.dtype(instruction.buffer));
        add(instruction, instruction.index, bytes, buffers.pointer(instruction.buffer));
      }
      if ('conditions' in instruction) {
        for (const condition of instruction.conditions ?? []) {
          add(condition, condition.index, 1, i32.const(0));
        }
      }
    }
    return { loop, bases };
  }

  #address(instruction: Memory): I32 {
    const { buffers } = this.context;
    const bytes = bytesOf(buffers.dtype(instruction.buffer));
    return this.#position(
      instruction,
      instruction.index,
      bytes,
      buffers.pointer(instruction.buffer),
    );
  }

  #laneAddress(instruction: Memory, lane: number): I32 {
    const { buffers, f } = this.context;
    const bytes = bytesOf(buffers.dtype(instruction.buffer));
    const stride = this.#stride(instruction.index);
    if (stride !== undefined) {
      return i32.add(this.#address(instruction), i32.const(lane * stride * bytes));
    }
    const at = indexCode(instruction.index, this.#coordinatesOf(lane));
    return f.let(i32.add(buffers.pointer(instruction.buffer), i32.mul(at, i32.const(bytes))));
  }

  #holds(condition: Condition, lane: number): I32 {
    const { index, low, high } = condition;
    const stride = this.#stride(index);
    const x =
      stride === undefined
        ? indexCode(index, this.#coordinatesOf(lane))
        : i32.add(this.#position(condition, index, 1, i32.const(0)), i32.const(lane * stride));
    return inRange(x, low, high);
  }

  #allHold(conditions: readonly Condition[], lane: number): I32 {
    return conditions.reduce<I32>(
      (all, condition) => i32.and(this.#holds(condition, lane), all),
      i32.const(-1),
    );
  }

  #load(instruction: Extract<Instruction, { readonly op: 'load' }>): Value {
    const { conditions = [], otherwise = 0 } = instruction;
    return this.#read(instruction, conditions, otherwise, (lane) =>
      lane === undefined ? this.#address(instruction) : this.#laneAddress(instruction, lane),
    );
  }

  #gather(instruction: Extract<Instruction, { readonly op: 'gather' }>): Value {
    const { buffers, f } = this.context;
    const at = this.get(instruction.at);
    const bytes = bytesOf(buffers.dtype(instruction.buffer)) * instruction.stride;
    const { conditions = [], size } = instruction;
    const skip = (chosen: I32): I32 => {
      const index = f.let(chosen);
      const safe = select(index, i32.const(0), i32.ltU(index, i32.const(size)));
      return i32.mul(safe, i32.const(bytes));
    };
    if (!at.vector) {
      const index = castScalar(f, at.dtype, 'int32', at.code) as I32;
      const offset = f.let(skip(index));
      return this.#read(instruction, conditions, 0, (lane) => {
        const base =
          lane === undefined ? this.#address(instruction) : this.#laneAddress(instruction, lane);
        return f.let(i32.add(base, offset));
      });
    }
    const indices = f.let(at.code as V128);
    return this.#read(
      instruction,
      conditions,
      0,
      (lane) =>
        f.let(
          i32.add(
            this.#laneAddress(instruction, lane ?? 0),
            skip(extractLane('int32', indices, lane ?? 0) as I32),
          ),
        ),
      true,
    );
  }

  /** Elements at an address (of lane 0, or of each lane), where conditions hold. */
  #read(
    instruction: Extract<Instruction, { readonly op: 'load' | 'gather' }>,
    conditions: readonly Condition[],
    otherwise: number | bigint,
    address: (lane?: number) => I32,
    scattered = false,
  ): Value {
    const { f } = this.context;
    const { dtype, index } = instruction;
    const { lanes } = this;
    if (lanes === undefined || !(scattered || this.#varies(index, conditions))) {
      if (conditions.length === 0)
        return this.#hold(dtype, loadScalar(f, dtype, f.let(address())), false);
      const fallback = constantScalar(dtype, otherwise);
      const result = f.local(fallback.type, fallback);
      f.if(this.#allHold(conditions, 0), () =>
        f.set(result, loadScalar(f, dtype, f.let(address()))),
      );
      return { dtype, code: result, vector: false };
    }
    const stride = scattered ? undefined : this.#stride(index);
    const all = Array.from({ length: lanes.count }, (_, lane) => lane);
    const load = (): V128 =>
      stride === undefined
        ? loadEach(
            f,
            dtype,
            all.map((lane) => f.let(address(lane))),
          )
        : loadLanes(
            f,
            dtype,
            conditions.length === 0 ? address() : f.let(address()),
            stride,
            lanes.count,
          );
    if (conditions.length === 0) return { dtype, code: load(), vector: true };

    const result = f.local('v128', constantLanes(dtype, otherwise));
    const strides = conditions.map(({ index: x }) => this.#stride(x));
    const each = (): void => {
      for (const lane of all) {
        f.if(this.#allHold(conditions, lane), () => {
          const value = loadScalar(f, dtype, f.let(address(lane)));
          f.set(result, replaceLane(dtype, result, lane, value));
        });
      }
    };
    if (strides.every((x) => x === 0))
      f.if(this.#allHold(conditions, 0), () => f.set(result, load()));
    else if (strides.every((x) => x !== undefined)) {
      // The index moves evenly: where both ends hold, all between do.
      const ends = i32.and(
        this.#allHold(conditions, 0),
        this.#allHold(conditions, lanes.count - 1),
      );
      f.if(ends, () => f.set(result, load()), each);
    } else each();
    return { dtype, code: result, vector: true };
  }

  #index(index: Index, dtype: DType): Value {
    const { f } = this.context;
    if (!this.#varies(index)) {
      const at = indexCode(index, this.coordinates);
      return this.#hold(dtype, castScalar(f, 'int32', dtype, at), false);
    }
    return this.#hold(dtype, castLanes(f, 'int32', dtype, this.#indexLanes(index)), true);
  }

  #indexLanes(index: Index): V128 {
    const { f } = this.context;
    const stride = this.#stride(index);
    if (stride !== undefined) {
      const first = i32x4.splat(indexCode(index, this.coordinates));
      return f.let(i32x4.add(first, v128.constI32x4(0, stride, 2 * stride, 3 * stride)));
    }
    let value: V128 = i32x4.splat(indexCode(index, this.coordinates));
    for (let lane = 1; lane < 4; lane++) {
      value = i32x4.replace(value, lane, indexCode(index, this.#coordinatesOf(lane)));
    }
    return f.let(value);
  }

  #inside(conditions: readonly Condition[]): Value {
    const { lanes } = this;
    const { f } = this.context;
    if (lanes === undefined || !conditionsMention(conditions, lanes.variable)) {
      const holds =
        conditions.length === 0 ? i32.const(1) : i32.ne(this.#allHold(conditions, 0), i32.const(0));
      return this.#hold('bool', holds, false);
    }
    let mask: V128 | undefined;
    for (const { index, low, high } of conditions) {
      const x = i32x4.sub(this.#indexLanes(index), i32x4.const(low));
      const one = i32x4.ltU(x, i32x4.const(Math.max(0, high - low)));
      mask = f.let(mask === undefined ? one : v128.and(mask, one));
    }
    return this.#hold('bool', mask!, true);
  }

  #store(instruction: Extract<Instruction, { readonly op: 'store' }>): void {
    const { f, buffers } = this.context;
    const { buffer, index, arg } = instruction;
    const given = this.get(arg);
    const dtype = buffers.dtype(buffer);
    if (this.lanes === undefined || !this.#varies(index)) {
      const code = given.vector ? extractLane(given.dtype, given.code as V128, 0) : given.code;
      storeScalar(f, dtype, this.#address(instruction), castScalar(f, given.dtype, dtype, code));
      return;
    }
    const value = castLanes(f, given.dtype, dtype, lanesOf(given));
    const { count } = this.lanes;
    const stride = this.#stride(index);
    if (stride !== undefined) {
      storeLanes(f, dtype, this.#address(instruction), value, stride, count);
    } else {
      const all = Array.from({ length: count }, (_, lane) => this.#laneAddress(instruction, lane));
      storeEach(f, dtype, all, value);
    }
  }
}

function replaceLane(dtype: DType, lanes: V128, lane: number, value: Code): V128 {
  const at = splat(dtype, value);
  const mask = [0, 1, 2, 3].map((i) => (i === lane ? -1 : 0));
  return v128.bitselect(at, lanes, v128.constI32x4(...mask));
}

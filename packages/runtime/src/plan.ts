/**
 * The plan: where everything lies in one WebAssembly memory, and which exports of the module compute what.
 * Plain JSON, written by the compiler and read by the player.
 *
 * Memory, in bytes: the weights' image is copied to `weights.address` once; state lies in it or beyond it;
 * tables of pointers, inputs, outputs and working memory follow. All signatures share one memory, since
 * only one runs at a time.
 */
import { bytesPerElement, isElementType, sizeOf } from './element.ts';
import type { ElementType } from './element.ts';
import { PlayerError } from './error.ts';
import type { Feature } from './features.ts';

export interface TensorType {
  readonly name: string;
  readonly dtype: ElementType;
  /** Sizes; the name of an axis where signatures differ or may differ. */
  readonly shape: readonly (number | string)[];
}

/** Where a tensor lies: its start in bytes, aligned to its elements. */
export interface Slot {
  readonly shape: readonly number[];
  readonly address: number;
}

export interface PlanModule {
  /** File beside the plan. */
  readonly file: string;
  readonly features: readonly Feature[];
}

/** A tensor inside the weights' image; for people and tools, the player does not need it. */
export interface PlanWeight extends TensorType {
  readonly offset: number;
}

export interface PlanWeights {
  readonly file: string;
  readonly bytes: number;
  readonly checksum: string;
  readonly address: number;
  readonly tensors: readonly PlanWeight[];
}

/** A value that stays from one call to the next. */
export interface StateSlot extends Slot {
  readonly name: string;
  readonly dtype: ElementType;
}

export interface Copy {
  readonly from: number;
  readonly to: number;
  readonly bytes: number;
}

export interface KernelInfo {
  readonly name: string;
  readonly flops: number;
  readonly bytes: number;
}

export interface EntryCall {
  /** Export of the module: `(arguments: i32, thread: i32, threads: i32) -> ()`. */
  readonly entry: string;
  /** Address of the table of pointers that the entry takes. */
  readonly arguments: number;
  readonly pointers: readonly number[];
}

/** A function compiled for one combination of shapes. */
export interface Signature extends EntryCall {
  /** In the order of the function's inputs and outputs. */
  readonly inputs: readonly Slot[];
  readonly outputs: readonly Slot[];
  /** New state that could not be written in place, moved after each call, in this order. */
  readonly copies: readonly Copy[];
  readonly kernels: readonly KernelInfo[];
}

export interface PlanFunction {
  readonly name: string;
  readonly inputs: readonly TensorType[];
  readonly outputs: readonly TensorType[];
  readonly signatures: readonly Signature[];
}

export interface Plan {
  readonly format: 'hebb-plan';
  readonly version: 1;
  readonly name: string;
  /** In order of preference. They differ in instructions only. */
  readonly modules: readonly PlanModule[];
  /** Size of the memory. */
  readonly memory: number;
  readonly weights: PlanWeights;
  /** Run once, in this order, when the weights are in memory: what follows from them alone. */
  readonly prepare: readonly EntryCall[];
  readonly state: readonly StateSlot[];
  /** The first is what `run` runs. */
  readonly functions: readonly PlanFunction[];
}

/** What 32-bit WebAssembly can address. */
const addressable = 2 ** 32;

/**
 * The value as a plan, if it is one that this player understands and all it says about memory fits together.
 * @throws PlayerError `plan`.
 */
export function checkPlan(value: unknown): Plan {
  const refuse = (problem: string, got?: unknown, wanted?: string): never => {
    throw new PlayerError('plan', problem, got === undefined ? undefined : String(got), wanted);
  };
  if (typeof value !== 'object' || value === null) return refuse('this is no plan', typeof value);
  const plan = value as Plan;
  if (plan.format !== 'hebb-plan') return refuse('this is no plan', plan.format, 'hebb-plan');
  if (plan.version !== 1) {
    return refuse(`plan ${plan.name} is of a version that this player lacks`, plan.version, '1');
  }
  const count = (what: string, n: number): void => {
    if (!Number.isSafeInteger(n) || n < 0) refuse(`plan ${plan.name}: ${what} is no size`, n);
  };
  const region = (what: string, address: number, bytes: number, alignment = 1): void => {
    count(what, address);
    count(what, bytes);
    if (address + bytes > plan.memory || address % alignment !== 0) {
      refuse(
        `plan ${plan.name}: ${what} lies outside the memory`,
        `${address} to ${address + bytes}`,
        `within ${plan.memory}`,
      );
    }
  };
  const slot = (what: string, dtype: ElementType, { shape, address }: Slot): void => {
    if (!isElementType(dtype)) refuse(`plan ${plan.name}: ${what} has an unknown type`, dtype);
    for (const dim of shape) count(what, dim);
    region(what, address, sizeOf(shape) * bytesPerElement(dtype), bytesPerElement(dtype));
  };
  const call = (what: string, { entry, arguments: table, pointers }: EntryCall): void => {
    if (typeof entry !== 'string') refuse(`plan ${plan.name}: an entry has no name`, entry);
    region(`the arguments of ${what}`, table, pointers.length * 4, 4);
    for (const pointer of pointers) region(`a pointer of ${what}`, pointer, 0);
  };
  try {
    count('the memory', plan.memory);
    if (plan.memory > addressable) {
      refuse(`plan ${plan.name} needs too much memory`, plan.memory, `${addressable} bytes`);
    }
    if (plan.modules.length === 0 || plan.functions.length === 0) refuse('the plan is empty');
    region('the weights', plan.weights.address, plan.weights.bytes, 64);
    for (const step of plan.prepare) call('the preparation', step);
    for (const state of plan.state) slot(`state ${state.name}`, state.dtype, state);
    for (const { name, inputs, outputs, signatures } of plan.functions) {
      for (const signature of signatures) {
        call(name, signature);
        for (const { from, to, bytes } of signature.copies) {
          region(`a copy of ${name}`, from, bytes);
          region(`a copy of ${name}`, to, bytes);
        }
        inputs.forEach((type, i) => slot(type.name, type.dtype, signature.inputs[i]!));
        outputs.forEach((type, i) => slot(type.name, type.dtype, signature.outputs[i]!));
      }
    }
  } catch (error) {
    // A part that is missing or of another kind.
    if (error instanceof TypeError) return refuse(`the plan is malformed: ${error.message}`);
    throw error;
  }
  return plan;
}

/**
 * Kernels as functions of the module. A function takes the addresses of its buffers, so that kernels that
 * differ in nothing else (layers of one shape) are one function: less code to load, and sooner hot.
 */
import type { Kernel, Program, ScanKernel } from '@hebb/compiler';
import { dtypeInfo, sizeOf } from '@hebb/core';
import type { DType } from '@hebb/core';
import type { BufferAccess } from './codegen/evaluate.ts';
import type { Helpers } from './codegen/helpers.ts';
import { loopKernel } from './codegen/loop.ts';
import { routine } from './codegen/routines/index.ts';
import type { Routine } from './routines/kernel.ts';
import type { FunctionRef, I32 } from './wasm/index.ts';
import { i32 } from './wasm/index.ts';

export type PlainKernel = Exclude<Kernel, ScanKernel>;

export interface KernelPhase {
  readonly items: number;
  readonly scratch: number;
  /** Items that are best run in one call, counted from the first item on. */
  readonly together: number;
  /** Parameters: addresses of the buffers, scratch, begin, end. */
  readonly call: FunctionRef;
}

export interface KernelFunctions {
  /** Ids in the order of the parameters. */
  readonly buffers: readonly number[];
  readonly phases: readonly KernelPhase[];
}

function buffersOf(kernel: PlainKernel): number[] {
  const inCode = (code: readonly object[] = []): number[] =>
    code.flatMap((x) => ('buffer' in x ? [x.buffer as number] : []));
  const all =
    kernel.kind === 'loop'
      ? kernel.stages.flatMap(({ code }) => inCode(code))
      : [
          ...kernel.inputs.map(({ buffer }) => buffer),
          ...kernel.outputs,
          ...inCode(kernel.epilogue),
          ...(kernel.scratch === undefined ? [] : [kernel.scratch]),
        ];
  return [...new Set(all)].filter((id) => id >= 0);
}

/** Everything that the code depends on, with buffers by their position. */
function structure(kernel: PlainKernel, buffers: readonly number[], program: Program): string {
  const places = new Map(buffers.map((id, i) => [id, i]));
  const known = new Set(['buffer', 'scratch']);
  const described: object =
    kernel.kind === 'loop'
      ? { dims: kernel.dims, outer: kernel.outer, stages: kernel.stages }
      : {
          op: kernel.op,
          attrs: kernel.attrs,
          inputs: kernel.inputs,
          results: kernel.results,
          to: kernel.outputs.map((id) => places.get(id) ?? -1),
          epilogue: kernel.epilogue,
          scratch: kernel.scratch,
        };
  const text = JSON.stringify(described, (name, value: unknown) => {
    if (known.has(name)) return places.get(value as number) ?? value;
    if (typeof value === 'bigint') return `${value}n`;
    const odd = typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0));
    return odd ? (Object.is(value, -0) ? '-0' : String(value)) : value;
  });
  return `${text}${buffers.map((id) => program.buffers[id]!.dtype).join()}`;
}

/** Inputs of more bytes than this are not in a cache any more when a program runs again. */
const cachedBytes = 8 * 2 ** 20;

function readsFar({ inputs, buffers }: Program): boolean {
  const bytes = inputs.reduce((sum, id) => {
    const { shape, dtype } = buffers[id]!;
    return sum + sizeOf(shape) * dtypeInfo(dtype).bytes;
  }, 0);
  return bytes > cachedBytes;
}

export class KernelLibrary {
  readonly #helpers: Helpers;
  readonly #known = new Map<string, readonly KernelPhase[]>();

  constructor(helpers: Helpers) {
    this.#helpers = helpers;
  }

  of(program: Program, kernel: PlainKernel): KernelFunctions {
    const buffers = buffersOf(kernel);
    const far = readsFar(program);
    const key = `${structure(kernel, buffers, program)}${far ? ' far' : ''}`;
    let phases = this.#known.get(key);
    if (phases === undefined) {
      phases = this.#define(program, kernel, buffers, far);
      this.#known.set(key, phases);
    }
    return { buffers, phases };
  }

  #define(
    program: Program,
    kernel: PlainKernel,
    buffers: readonly number[],
    far: boolean,
  ): KernelPhase[] {
    const dtype = (id: number): DType => program.buffers[id]!.dtype;
    const build = (access: BufferAccess): Routine =>
      kernel.kind === 'loop'
        ? { shared: 0, phases: [loopKernel(kernel, this.#helpers, access)] }
        : routine(kernel, this.#helpers, access);
    const { phases } = build({ pointer: () => i32.const(0), dtype, far });
    return phases.flatMap(({ items, scratch, together = 1 }, i) => {
      if (items === 0) return [];
      const params = [...buffers, 'own', 'begin', 'end'].map(() => 'i32' as const);
      const call = this.#helpers.module.function({ params }, (f, ...given) => {
        const pointers = new Map(buffers.map((id, k) => [id, given[k]!]));
        const [own, begin, end] = [0, 1, 2].map((k) => given[buffers.length + k]!);
        const pointer = (id: number): I32 => pointers.get(id) ?? i32.const(0);
        const shared =
          kernel.kind === 'routine' && kernel.scratch !== undefined
            ? pointer(kernel.scratch)
            : i32.const(0);
        build({ pointer, dtype, far }).phases[i]!.emit(f, begin!, end!, { own: own!, shared });
      });
      return [{ items, scratch, together, call }];
    });
  }
}

/** Where everything lies in the memory of a compiled model. */
import type { Program } from '@hebb/compiler';
import type { Copy, EntryCall, Slot } from '@hebb/runtime';
import { bytesOf } from './constants.ts';
import type { Sink } from './types.ts';

/** A cache line, and more than any vector needs. */
export const alignment = 64;
export const alignUp = (n: number): number => Math.ceil(n / alignment) * alignment;

/** Hands out memory, one piece after the other. */
export class Region {
  /** End of what has been handed out. */
  end: number;

  constructor(start: number) {
    this.end = alignUp(start);
  }

  take(bytes: number): number {
    const address = this.end;
    this.end = alignUp(address + bytes);
    return address;
  }
}

/** Bytes of a program's table of pointers. */
export const tableBytes = ({ inputs, outputs }: Program): number =>
  (inputs.length + outputs.length + 2) * 4;

/** Addresses of a program's inputs that are known before it is placed; the others get memory. */
export type Placed = readonly (number | undefined)[];

/** Working memory of a program, which nothing outlives. */
export interface Needs {
  readonly arenaBytes: number;
  readonly scratchBytes: number;
}

export interface Placement {
  readonly call: EntryCall;
  /** Addresses by position. */
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
}

/**
 * Places a program: its table of pointers in `tables`, whatever else has no address yet in `work`.
 * Pointers are those of inputs and outputs, by position, of the arena and of the scratch memory.
 */
export function placeProgram(
  entry: string,
  program: Program,
  needs: Needs,
  given: { readonly inputs: Placed; readonly outputs?: Placed },
  tables: Region,
  work: Region,
): Placement {
  const { buffers } = program;
  const inputs = program.inputs.map(
    (id, position) => given.inputs[position] ?? work.take(bytesOf(buffers[id]!)),
  );
  const outputs: number[] = [];
  program.outputs.forEach((id, position) => {
    const { place } = buffers[id]!;
    if (place.kind === 'input') outputs.push(inputs[place.position]!);
    else if (place.kind === 'arena') throw new Error('an output lies in the arena');
    else if (place.position < position) outputs.push(outputs[place.position]!);
    else if (place.alias !== undefined) outputs.push(inputs[place.alias]!);
    else outputs.push(given.outputs?.[position] ?? work.take(bytesOf(buffers[id]!)));
  });
  const arena = work.take(needs.arenaBytes);
  const pointers = [...inputs, ...outputs, arena, work.take(needs.scratchBytes)];
  return {
    call: { entry, arguments: tables.take(tableBytes(program)), pointers },
    inputs,
    outputs,
  };
}

/**
 * The moves that bring new state to its place. Where the new value of one state is the old one of another,
 * it goes by way of `staging`, so that the order does not matter.
 */
export function stateCopies(
  sinks: readonly Sink[],
  outputs: readonly number[],
  slots: ReadonlyMap<string, Slot & { readonly bytes: number }>,
  staging: Region,
): Copy[] {
  const first: Copy[] = [];
  const last: Copy[] = [];
  const addresses = new Set([...slots.values()].map(({ address }) => address));
  sinks.forEach((sink, position) => {
    if (sink.kind !== 'state') return;
    const { address: to, bytes } = slots.get(sink.name)!;
    let from = outputs[position]!;
    if (from === to || bytes === 0) return;
    if (addresses.has(from)) {
      const between = staging.take(bytes);
      first.push({ from, to: between, bytes });
      from = between;
    }
    last.push({ from, to, bytes });
  });
  return [...first, ...last];
}

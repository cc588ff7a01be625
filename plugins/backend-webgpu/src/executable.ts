/** A compiled program and how it is run: bind groups, one compute pass, one submission. */
import type { Program } from '@hebb/compiler';
import { fail, sameShape } from '@hebb/core';
import type { Aval, DeviceBuffer, Executable } from '@hebb/core';
import type { Binding, Copy, Resource } from './bindings.ts';
import { boundBytes } from './bindings.ts';
import type { Device } from './device.ts';
import type { WebGpuBuffer } from './buffer.ts';
import { describe } from './buffer.ts';
import type { DispatchStep, Step, WorkingMemory } from './program.ts';

/** What executables need of the backend. */
export interface Machine {
  readonly device: Device;
  live(op: string, buffer: DeviceBuffer): WebGpuBuffer;
  allocate(aval: Aval): WebGpuBuffer;
  free(buffer: WebGpuBuffer): void;
  /** Hands the memory of a value to a new one. */
  move(buffer: WebGpuBuffer, aval: Aval): WebGpuBuffer;
  /** A part of the arena that all programs use in turn. */
  arena(part: number, bytes: number): GPUBuffer;
  /** Where kernels find inputs that were copied together. */
  joined(bytes: number): GPUBuffer;
  /** Where kernels leave sums of parts for the next dispatch. */
  partial(bytes: number): GPUBuffer;
}

interface Call {
  readonly step: DispatchStep;
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
  /** Which of the executable's resources each binding is a stretch of. */
  readonly slots: readonly number[];
  /** The last bind group and what it binds: most calls bind the same memory again. */
  group: GPUBindGroup | undefined;
  bound: readonly GPUBuffer[];
}

type Node =
  | { readonly kind: 'dispatch'; readonly call: Call }
  | {
      readonly kind: 'copies';
      readonly copies: readonly (Copy & { readonly slot: number })[];
      readonly slot: number;
    }
  | {
      readonly kind: 'loop';
      readonly length: number;
      readonly turns: readonly (readonly Node[])[];
    };

/** Steps that can be encoded, and what memory they are about. */
export interface Prepared {
  readonly nodes: readonly Node[];
  readonly resources: readonly Resource[];
}

/** Compiles all shaders of the steps at once. */
export async function prepare(device: Device, steps: readonly Step[]): Promise<Prepared> {
  const slots = new Map<Resource, number>();
  const slotOf = (resource: Resource): number => {
    const slot = slots.get(resource) ?? slots.size;
    slots.set(resource, slot);
    return slot;
  };
  const nodes = await prepareSteps(device, steps, slotOf);
  return { nodes, resources: [...slots.keys()] };
}

function prepareSteps(
  device: Device,
  steps: readonly Step[],
  slotOf: (resource: Resource) => number,
): Promise<readonly Node[]> {
  return Promise.all(
    steps.map(async (step): Promise<Node> => {
      if (step.kind === 'copies') {
        const copies = step.copies.map((copy) => ({ ...copy, slot: slotOf(copy.from) }));
        return { kind: 'copies', copies, slot: slotOf('joined') };
      }
      if (step.kind === 'loop') {
        const turns = await Promise.all(
          step.turns.map((turn) => prepareSteps(device, turn, slotOf)),
        );
        return { kind: 'loop', length: step.length, turns };
      }
      const slots = step.bindings.map(({ resource }) => slotOf(resource));
      const writable = step.bindings.map((binding) => binding.writable);
      const pipeline = await device.pipeline(step.code, writable, step.depth, step.name);
      const layout = device.groupLayout(writable);
      return {
        kind: 'dispatch',
        call: { step, pipeline, layout, slots, group: undefined, bound: [] },
      };
    }),
  );
}

function longest(nodes: readonly Node[]): number {
  return nodes.reduce(
    (most, node) =>
      node.kind === 'loop' ? Math.max(most, node.length, ...node.turns.map(longest)) : most,
    0,
  );
}

/** Compute passes of one submission: one, unless copies come between. */
class Passes {
  readonly encoder: GPUCommandEncoder;
  #pass: GPUComputePassEncoder | undefined;

  constructor(encoder: GPUCommandEncoder) {
    this.encoder = encoder;
  }

  get current(): GPUComputePassEncoder {
    return (this.#pass ??= this.encoder.beginComputePass());
  }

  end(): void {
    this.#pass?.end();
    this.#pass = undefined;
  }
}

/** The memory of a call's resources, by slot. */
interface BoundMemory {
  readonly bound: readonly GPUBuffer[];
  /** All of it is what the call before had. */
  readonly isBound: boolean;
}

interface Placed {
  readonly memory: GPUBuffer;
  /** The input whose memory it takes over. */
  readonly over?: WebGpuBuffer;
  readonly fresh?: WebGpuBuffer;
}

export class WebGpuExecutable implements Executable {
  readonly #machine: Machine;
  readonly #program: Program;
  readonly #prepared: Prepared;
  readonly #donated: readonly number[];
  readonly #wanted: readonly Aval[];
  readonly #results: readonly Aval[];
  readonly #longest: number;
  readonly #memory: WorkingMemory;
  /** What the last call's resources were. */
  #bound: readonly GPUBuffer[] = [];
  #stepGroups: GPUBindGroup[] = [];
  #stepBuffer: GPUBuffer | undefined;

  constructor(
    machine: Machine,
    program: Program,
    prepared: Prepared,
    memory: WorkingMemory,
    results: readonly Aval[],
    donated: readonly number[],
  ) {
    this.#machine = machine;
    this.#program = program;
    this.#prepared = prepared;
    this.#memory = memory;
    this.#results = results;
    this.#donated = donated;
    this.#wanted = program.inputs.map((id) => program.buffers[id]!);
    this.#longest = longest(prepared.nodes);
  }

  run(given: readonly DeviceBuffer[]): DeviceBuffer[] {
    const { device } = this.#machine;
    device.check();
    const inputs = this.#check(given);
    const encoder = device.gpu.createCommandEncoder();
    const outputs = this.#outputs(inputs, encoder);
    const memoryOf = (resource: Resource): GPUBuffer => {
      if (resource.startsWith('arena')) {
        const part = Number(resource.slice('arena'.length));
        return this.#machine.arena(part, this.#memory.parts[part]!);
      }
      if (resource === 'joined') return this.#machine.joined(this.#memory.joined);
      if (resource === 'partial') return this.#machine.partial(this.#memory.partial);
      const input = resource.startsWith('input');
      const position = Number(resource.slice(input ? 5 : 6));
      if (!input) return outputs[position]!.memory;
      // An aliased output was given the input's memory, or a copy of it.
      return this.#over.get(position)?.memory ?? inputs[position]!.memory;
    };
    const passes = new Passes(encoder);
    const bound = this.#prepared.resources.map(memoryOf);
    const isBound = bound.every((buffer, i) => buffer === this.#bound[i]);
    this.#encode(passes, this.#prepared.nodes, { bound, isBound }, []);
    this.#bound = bound;
    passes.end();
    const results = this.#finish(inputs, outputs, encoder);
    device.gpu.queue.submit([encoder.finish()]);
    for (const i of this.#donated) if (!inputs[i]!.freed) this.#machine.free(inputs[i]!);
    return results;
  }

  #encode(
    passes: Passes,
    nodes: readonly Node[],
    memory: BoundMemory,
    steps: readonly number[],
  ): void {
    for (const node of nodes) {
      if (node.kind === 'loop') {
        for (let i = 0; i < node.length; i++) {
          this.#encode(passes, node.turns[i % 2]!, memory, [...steps, i]);
        }
        continue;
      }
      if (node.kind === 'copies') {
        passes.end();
        const target = memory.bound[node.slot]!;
        for (const { slot, start, length, to } of node.copies) {
          passes.encoder.copyBufferToBuffer(memory.bound[slot]!, start, target, to, length);
        }
        continue;
      }
      const { call } = node;
      const pass = passes.current;
      pass.setPipeline(call.pipeline);
      pass.setBindGroup(0, this.#group(call, memory));
      const { depth, grid } = call.step;
      if (depth > 0) {
        const { stepBytes } = this.#machine.device;
        pass.setBindGroup(
          1,
          this.#stepGroup(depth),
          steps.slice(0, depth).map((i) => i * stepBytes),
        );
      }
      pass.dispatchWorkgroups(...grid);
    }
  }

  #group(call: Call, { bound, isBound }: BoundMemory): GPUBindGroup {
    const { group, slots } = call;
    if (group !== undefined && isBound) return group;
    if (group !== undefined && slots.every((slot, i) => bound[slot] === call.bound[i])) {
      return group;
    }
    call.bound = slots.map((slot) => bound[slot]!);
    call.group = this.#machine.device.gpu.createBindGroup({
      layout: call.layout,
      entries: call.step.bindings.map((binding, i) => ({
        binding: i,
        resource: { buffer: call.bound[i]!, ...stretch(binding) },
      })),
    });
    return call.group;
  }

  #stepGroup(depth: number): GPUBindGroup {
    const { device } = this.#machine;
    const buffer = device.stepNumbers(this.#longest);
    if (buffer !== this.#stepBuffer) {
      this.#stepBuffer = buffer;
      this.#stepGroups = [];
    }
    return (this.#stepGroups[depth] ??= device.gpu.createBindGroup({
      layout: device.stepLayout(depth),
      entries: Array.from({ length: depth }, (_, binding) => ({
        binding,
        resource: { buffer, size: 16 },
      })),
    }));
  }

  #check(given: readonly DeviceBuffer[]): WebGpuBuffer[] {
    if (given.length !== this.#wanted.length) {
      fail('run', 'wrong number of inputs', String(given.length), String(this.#wanted.length));
    }
    return given.map((buffer, i) => {
      const aval = this.#wanted[i]!;
      if (buffer.dtype !== aval.dtype || !sameShape(buffer.shape, aval.shape)) {
        fail('run', `input ${i} does not fit`, describe(buffer), describe(aval));
      }
      return this.#machine.live('run', buffer);
    });
  }

  /** Memory that stands for inputs which are written over, by position. */
  #over = new Map<number, Placed>();

  /** Where each output will be: over a donated input, or in memory of its own. */
  #outputs(inputs: readonly WebGpuBuffer[], encoder: GPUCommandEncoder): Placed[] {
    const placed: Placed[] = [];
    this.#over = new Map();
    try {
      this.#program.outputs.forEach((id, o) => {
        const { place } = this.#program.buffers[id]!;
        const own = place.kind === 'output' && place.position === o;
        const alias = own ? place.alias : undefined;
        if (alias === undefined) {
          const fresh = this.#machine.allocate(this.#results[o]!);
          placed.push({ memory: fresh.memory, fresh });
          return;
        }
        const old = inputs[alias]!;
        let found: Placed = { memory: old.memory, over: old };
        // A value that is also read as another input must survive: its copy is written over instead.
        if (inputs.some((x, i) => i !== alias && x.memory === old.memory)) {
          const fresh = this.#machine.allocate(this.#results[o]!);
          encoder.copyBufferToBuffer(old.memory, 0, fresh.memory, 0, fresh.stored);
          found = { memory: fresh.memory, fresh };
        }
        this.#over.set(alias, found);
        placed.push(found);
      });
    } catch (error) {
      for (const { fresh } of placed) if (fresh !== undefined) this.#machine.free(fresh);
      throw error;
    }
    return placed;
  }

  #finish(
    inputs: readonly WebGpuBuffer[],
    outputs: readonly Placed[],
    encoder: GPUCommandEncoder,
  ): WebGpuBuffer[] {
    return outputs.map(({ over, fresh }, o) => {
      if (over !== undefined) return this.#machine.move(over, this.#results[o]!);
      const { place } = this.#program.buffers[this.#program.outputs[o]!]!;
      const source =
        place.kind === 'input'
          ? inputs[place.position]!.memory
          : place.kind === 'output' && place.position !== o
            ? outputs[place.position]!.memory
            : undefined;
      if (source !== undefined) {
        encoder.copyBufferToBuffer(source, 0, fresh!.memory, 0, fresh!.stored);
      }
      return fresh!;
    });
  }
}

const stretch = ({ start, length }: Binding): { offset: number; size: number } => ({
  offset: start,
  size: boundBytes(length),
});

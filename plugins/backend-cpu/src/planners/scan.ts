/** The loop primitive: its body is a program of its own. */
import { sizeOf } from '@hebb/core';
import type { Graph, HostArray } from '@hebb/core';
import type { Pool } from '../pool.ts';
import { Program } from '../program.ts';
import type { NodePlanner } from '../program.ts';

type ScanAttrs = {
  readonly body: Graph;
  readonly constants: number;
  readonly carries: number;
  readonly length: number;
  readonly reverse: boolean;
};

export function scanPlanner(
  pool: Pool,
  planners: () => { readonly [op: string]: NodePlanner },
): NodePlanner {
  return (planner, node) => {
    const { body, constants, carries, length, reverse } = node.attrs as ScanAttrs;
    const program = new Program(body, planners(), pool);
    const inputs = node.inputs.map((x) => planner.contiguous(x));
    const outputs = node.outputs.map((aval) => planner.result(aval));
    const stepSizes = inputs.map((x, i) =>
      i < constants + carries ? 0 : sizeOf(x.shape.slice(1)),
    );
    const outSizes = outputs.map((y, i) => (i < carries ? 0 : sizeOf(y.shape.slice(1))));
    planner.step(inputs, outputs, (memory) => {
      const arrays = inputs.map((x) => memory[x.storage]!);
      const results = outputs.map((y) => memory[y.storage]!);
      let owned: HostArray[] = [];
      for (let k = 0; k < length; k++) {
        const at = reverse ? length - 1 - k : k;
        for (let i = constants + carries; i < inputs.length; i++) {
          const size = stepSizes[i]!;
          arrays[i] = memory[inputs[i]!.storage]!.subarray(at * size, (at + 1) * size);
        }
        const made = program.run(arrays);
        for (const old of owned) pool.give(old);
        owned = made.slice(0, carries);
        owned.forEach((carry, i) => (arrays[constants + i] = carry));
        for (let i = carries; i < made.length; i++) {
          copyTo(results[i]!, made[i]!, at * outSizes[i]!);
          pool.give(made[i]!);
        }
      }
      for (let i = 0; i < carries; i++) copyTo(results[i]!, arrays[constants + i]!, 0);
      for (const old of owned) pool.give(old);
    });
    return outputs;
  };
}

/** Both have the same element type. */
function copyTo(to: HostArray, from: HostArray, at: number): void {
  (to as Float32Array).set(from as Float32Array, at);
}

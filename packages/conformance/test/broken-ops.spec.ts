/** Ops and layers with a mistake in them, which the kit must find. */
import {
  HebbError,
  Variable,
  add,
  cast,
  composite,
  exp,
  log,
  mul,
  sin,
  stopGradient,
  sub,
  tensor,
} from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { cpu } from '@hebb/backend-cpu';
import { Linear, Module, ModuleBuffer, Parameter, Sequential } from '@hebb/nn';
import { checkGradient, collect, testLayer, testOp } from '../src/index.ts';
import type { LayerTestOptions, OpLike, OpTestOptions, Outcome } from '../src/index.ts';

async function opOutcome(op: OpLike, options: OpTestOptions = {}): Promise<Outcome> {
  const { runner, run } = collect();
  testOp(op, { runner, backend: cpu, ...options });
  return run();
}
async function layerOutcome(
  make: () => Module,
  options: Partial<LayerTestOptions> = {},
): Promise<Outcome> {
  const { runner, run } = collect();
  testLayer('broken', make, { runner, backend: cpu, input: [3, 4], ...options });
  return run();
}
const failures = ({ failed }: Outcome): string =>
  failed.map(({ name, error }) => `${name}: ${(error as Error).message}`).join('\n');

const samples = [{ in: [[3]] }, { in: [[2, 4]], attrs: { by: 1.7 } }];
const good = composite('good', {
  body: (x: Tensor, { by = 1 }: { by?: number } = {}) => sin(mul(x, by)),
  samples,
});

describe('testOp', () => {
  it('passes a right op on the definitions and on a backend, and against a formula', async () => {
    const formula = (x: Tensor, { by = 1 }: { by?: number } = {}): Tensor => x.mul(by).sin();
    for (const options of [{}, { backend: cpu, expected: formula }]) {
      const { runner, run } = collect();
      testOp(good, { runner, ...options });
      const found = await run();
      expect(failures(found)).toBe('');
      expect(found.passed.length).toBeGreaterThan(12);
    }
  });

  it('finds a wrong gradient: which input, which element', async () => {
    const bad = composite('bad', {
      body: (x: Tensor) => sin(x),
      vjp: ({ grads }) => [mul(grads[0]!, 1.001)],
      samples: [{ in: [[3]] }],
    });
    const found = await opOutcome(bad);
    expect(failures(found)).toMatch(
      /sample 0: gradient: bad\(float64\[3\]\), first order: gradient of input 0 along a random direction is -?[\d.]+, finite differences give/,
    );
  });

  it('finds a gradient that is right but cannot be differentiated again', async () => {
    const once = composite('once', {
      body: (x: Tensor) => exp(x),
      vjp: ({ grads, inputs }) => [mul(grads[0]!, stopGradient(exp(inputs[0]!)))],
      samples: [{ in: [[3]] }],
    });
    const found = await opOutcome(once);
    expect(found.failed.map(({ name }) => name)).toEqual([
      'op once › sample 0: second-order gradient',
    ]);
  });

  it('finds digits lost in narrow types', async () => {
    const lossy = composite('lossy', {
      body: (x: Tensor) => sub(add(x, 4096), 4096),
      samples: [{ in: [[5]] }],
    });
    expect(failures(await opOutcome(lossy))).toMatch(
      /float32 agrees with float64: lossy\(float32\[5\]\), against float64: \d of 5 elements differ/,
    );
  });

  it('finds values that differ from the formula', async () => {
    const found = await opOutcome(good, { expected: (x: Tensor) => mul(sin(x), 1.0001) });
    expect(failures(found)).toMatch(/against the formula: .*largest error/);
  });

  it('wants samples', async () => {
    const none = composite('none', { body: (x: Tensor) => x, samples: [] });
    expect(failures(await opOutcome(none))).toMatch(/none has no samples/);
  });

  it('names the sample at which an op fails', async () => {
    const failing = composite('failing', {
      body: (x: Tensor) => {
        if (x.rank > 1) throw new HebbError('no matrices', { op: 'failing' });
        return log(x);
      },
      samples: [{ in: [{ shape: [3], range: [1, 2] }] }, { in: [[2, 2]], name: 'matrix' }],
    });
    expect(failures(await opOutcome(failing))).toMatch(
      /matrix: .*failing\(float64\[2,2\]\) "matrix": /,
    );
  });
});

describe('checkGradient', () => {
  it('insists on float64', async () => {
    const x = { aval: { shape: [2], dtype: 'float32' as const }, data: Float32Array.of(1, 2) };
    await expect(
      checkGradient(cpu(), { what: 'f', inputs: [x], call: ([y]) => [exp(y!)] }),
    ).rejects.toThrow(/input 0 is float32/);
    const wide = { aval: { shape: [2], dtype: 'float64' as const }, data: Float64Array.of(1, 2) };
    await expect(
      checkGradient(cpu(), {
        what: 'f',
        inputs: [wide],
        call: ([y]) => [cast(exp(y!), 'float32')],
      }),
    ).rejects.toThrow(/an output is float32/);
  });
});

const wrongSine = composite('wrongSine', {
  body: (x: Tensor) => sin(x),
  vjp: ({ grads, inputs }) => [mul(grads[0]!, sin(inputs[0]!))],
  samples: [{ in: [[3]] }],
});

class Scale extends Module {
  readonly weight = new Parameter(tensor([1, 2, 3, 4]));
  forward(x: Tensor): Tensor {
    return mul(x, this.weight.value);
  }
}

describe('testLayer', () => {
  it('passes right layers', async () => {
    const found = await layerOutcome(() => new Sequential(new Linear(4, 3), new Scale3()), {
      output: [3, 3],
      parameters: { '0.weight': [3, 4], '0.bias': [3], '1.gain': [3] },
    });
    expect(failures(found)).toBe('');
    expect(found.passed).toHaveLength(8);
  });

  it('finds wrong gradients and names the parameter', async () => {
    class Wrong extends Scale {
      override forward(x: Tensor): Tensor {
        return wrongSine(mul(x, this.weight.value));
      }
    }
    expect(failures(await layerOutcome(() => new Wrong()))).toMatch(
      /gradient of every parameter and input, training: .*gradient of (input 0|parameter weight)/,
    );
  });

  it('finds shapes and parameters that are not as declared', async () => {
    const found = failures(
      await layerOutcome(() => new Scale(), { output: [3, 5], parameters: { weight: [5] } }),
    );
    expect(found).toMatch(/result 0 has shape \[3,4\], not \[3,5\]/);
    expect(found).toMatch(/parameters are \{"weight":\[4\]\}, not \{"weight":\[5\]\}/);
  });

  it('finds parameters that are not used', async () => {
    class Idle extends Scale {
      readonly bias = new Parameter(tensor([0]));
    }
    expect(failures(await layerOutcome(() => new Idle()))).toMatch(/forward does not read bias/);
  });

  it('finds evaluation that changes state', async () => {
    class Counting extends Scale {
      readonly count = new ModuleBuffer(tensor([0]));
      override forward(x: Tensor): Tensor {
        this.count.value = add(this.count.value, 1);
        return super.forward(x);
      }
    }
    expect(failures(await layerOutcome(() => new Counting()))).toMatch(
      /evaluation writes to count/,
    );
  });

  it('finds initial values that no seed fixes', async () => {
    let calls = 0;
    class Random extends Module {
      readonly weight = new Parameter(tensor([(calls += 1)]));
      forward(x: Tensor): Tensor {
        return mul(x, this.weight.value);
      }
    }
    expect(failures(await layerOutcome(() => new Random()))).toMatch(/weight with the same seed/);
  });

  it('finds state that is not in the state dict', async () => {
    class Hiding extends Scale {
      override async stateDict() {
        return Promise.resolve({});
      }
      override loadStateDict() {
        return { missing: [], unexpected: [] };
      }
    }
    const found = failures(await layerOutcome(() => new Hiding()));
    expect(found).toMatch(/the state dict lacks weight/);
  });

  it('finds names that are not as in PyTorch', async () => {
    const layer = {
      weight: new Variable(tensor([2])),
      forward: (x: Tensor) => mul(x, layer.weight.value),
      namedParameters: (): [string, Variable][] => [['myWeight', layer.weight]],
    };
    const { runner, run } = collect();
    testLayer('plain object', () => layer, { runner, backend: cpu, input: [3] });
    const found = await run();
    expect(failures(found)).toMatch(/"myWeight" is no name/);
    // No modes, no state dict: those tests are not there.
    expect(found.passed).toHaveLength(4);
  });
});

class Scale3 extends Module {
  readonly gain = new Parameter(tensor([1, 2, 3]));
  forward(x: Tensor): Tensor {
    return sin(mul(x, this.gain.value));
  }
}

/** A check that cannot fail is a defect: each of these backends breaks one promise and must be caught. */
import { Graph, primitives, sin } from '@hebb/core';
import type { Backend, DeviceBuffer, Executable } from '@hebb/core';
import { cpu } from '@hebb/backend-cpu';
import { collect, definitions, testBackend } from '../src/index.ts';
import type { Outcome } from '../src/index.ts';

async function outcome(make: () => Backend, only: RegExp): Promise<Outcome> {
  const { runner, run } = collect();
  testBackend('broken', make, { runner, oracle: cpu, trainingSteps: 30 });
  return run(only);
}

/** The backend with another `run`. */
function running(
  change: (executable: Executable, inputs: readonly DeviceBuffer[]) => DeviceBuffer[],
): Backend {
  const backend = cpu();
  return {
    ...backend,
    compile: (graph, options) => {
      const executable = backend.compile(graph, options) as Executable;
      return { ...executable, run: (inputs) => change(executable, inputs) };
    },
  };
}

const failures = ({ failed }: Outcome): string =>
  failed.map(({ name, error }) => `${name}: ${(error as Error).message}`).join('\n');

describe('testBackend catches', () => {
  it('a wrong kernel, with op, sample, dtype, error and place', async () => {
    const backend = cpu();
    const wrong: Backend = {
      ...backend,
      compile: (graph, options) =>
        backend.compile(
          new Graph({
            values: graph.values,
            inputs: graph.inputs,
            outputs: graph.outputs,
            nodes: graph.nodes.map((node) =>
              node.op.name === 'tanh' ? { ...node, op: sin.op } : node,
            ),
          }),
          options,
        ),
    };
    const found = await outcome(() => wrong, /(forward|gradient): (tanh|cos)$/);
    expect(found.passed).toEqual([
      'backend broken › forward: cos',
      'backend broken › gradient: cos',
    ]);
    expect(found.failed).toHaveLength(2);
    expect(failures(found)).toMatch(
      /forward: tanh: tanh\(float\d+\[\d+\]\): \d of \d elements differ; largest error [\d.e-]+ at \[\d\]: got -?[\d.]+, expected -?[\d.]+/,
    );
  });

  it('buffers that are never freed, and training that piles them up', async () => {
    const found = await outcome(() => ({ ...cpu(), free: () => undefined }), /memory|training/);
    expect(found.passed).toEqual([]);
    expect(failures(found)).toMatch(/buffers are new|buffers and .* bytes are left/);
    expect(failures(found)).toMatch(/buffers .* after 10 steps, .* after 30/);
  });

  it('one buffer handed out twice', async () => {
    const shared = running((executable, inputs) => {
      const [first, second, ...rest] = executable.run(inputs);
      return second === undefined ? [first!] : [first!, first!, ...rest];
    });
    expect(failures(await outcome(() => shared, /may be inputs/))).toMatch(/handed out twice/);
  });

  it('an input that is written to', async () => {
    const upload = cpu();
    const sharing: Backend = {
      ...upload,
      download: (buffer) => Promise.resolve(upload.downloadSync!(buffer)),
    };
    // Hands out one array for every download of a buffer.
    const arrays = new WeakMap<DeviceBuffer, ReturnType<Backend['download']>>();
    const cached: Backend = {
      ...sharing,
      download: (buffer) => {
        let known = arrays.get(buffer);
        if (known === undefined) arrays.set(buffer, (known = upload.download(buffer)));
        return known;
      },
    };
    expect(failures(await outcome(() => cached, /download is the caller/))).toMatch(/written to/);
  });

  it('a donated input that is not consumed', async () => {
    const backend = cpu();
    const keeping: Backend = { ...backend, compile: (graph) => backend.compile(graph) };
    expect(failures(await outcome(() => keeping, /donated inputs/))).toMatch(/still counted/);
  });

  it('results that the next run overwrites', async () => {
    const last = new Map<Executable, DeviceBuffer[]>();
    const backend = cpu();
    const reusing: Backend = {
      ...running((executable, inputs) => {
        const results = executable.run(inputs);
        last.get(executable)?.forEach((buffer, i) => {
          const [from, to] = [results[i], buffer] as [{ data: unknown }, { data: unknown }] &
            [DeviceBuffer, DeviceBuffer];
          to.data = from.data;
        });
        last.set(executable, results);
        return results;
      }),
    };
    expect(backend.name).toBe(reusing.name);
    expect(failures(await outcome(() => reusing, /runs again/))).toMatch(/first run: 3 of 3/);
  });

  it('an op that is dropped in silence', async () => {
    const backend = cpu();
    const known = new Set(primitives.map((op) => op.name));
    const lax: Backend = {
      ...backend,
      compile: (graph, options) =>
        graph.nodes.some(({ op }) => op.kind === 'primitive' && !known.has(op.name))
          ? { run: () => [] }
          : backend.compile(graph, options),
    };
    expect(failures(await outcome(() => lax, /does not know/))).toMatch(/not a HebbError/);
  });

  it('numbers that change from run to run', async () => {
    const backend = cpu();
    let calls = 0;
    const shaky: Backend = {
      ...backend,
      upload: (data, aval) => {
        calls += 1;
        const copy = data.slice();
        if (copy instanceof Float32Array && copy.length > 1000) copy[7] = calls;
        return backend.upload(copy, aval);
      },
    };
    expect(failures(await outcome(() => shaky, /same bits/))).toMatch(/changes from run to run/);
  });

  it('bits that are lost on the way', async () => {
    const backend = cpu();
    const lossy: Backend = {
      ...backend,
      upload: (data, aval) =>
        backend.upload(data instanceof Float64Array ? data.map(Math.fround) : data, aval),
    };
    expect(failures(await outcome(() => lossy, /every bit of every dtype/))).toMatch(
      /float64\[\] changed on the way/,
    );
  });
});

describe('testBackend passes', () => {
  it('the definitions, in all but the slow parts', async () => {
    const { runner, run } = collect();
    testBackend('definitions', definitions, { runner, oracle: cpu, trainingSteps: 60 });
    const found = await run(
      /contract|training|scan|hard values|(forward|gradient): (add|max|sort|gather|matmul|where)$/,
    );
    expect(failures(found)).toBe('');
    expect(found.passed.length).toBeGreaterThan(60);
  });

  it('and leaves out what it is told to, with the reason', async () => {
    const { runner, run } = collect();
    testBackend('cpu', cpu, { runner, skip: { 'forward: conv': 'no convolutions here' } });
    const found = await run(/no such test/);
    expect(found.skipped).toContain('backend cpu › forward: conv (skipped: no convolutions here)');
    expect(found.skipped).toHaveLength(3);
  });
});

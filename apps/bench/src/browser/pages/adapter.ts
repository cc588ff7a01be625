/** The adapter that a page gets, and how many multiplications and additions it does in a second. */

export interface AdapterInfo {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  /** Software in the place of a processor. */
  readonly software: boolean;
  /** Of WebGPU: those that matter to a network. */
  readonly features: readonly string[];
}

/** Operations a second, two for a multiplication and addition. */
export interface Peak {
  readonly f32: number;
  readonly f16?: number;
}

const telling = ['shader-f16', 'subgroups', 'chromium-experimental-subgroup-matrix'];

const request = (): Promise<GPUAdapter | null> =>
  navigator.gpu?.requestAdapter({ powerPreference: 'high-performance' }) ?? Promise.resolve(null);

async function describe(): Promise<AdapterInfo | undefined> {
  const adapter = await request();
  if (adapter === null) return undefined;
  const { vendor, architecture, device, description, isFallbackAdapter } = adapter.info;
  return {
    ...{ vendor, architecture, device, description },
    software: isFallbackAdapter || /swiftshader|llvmpipe/i.test(`${architecture} ${description}`),
    features: telling.filter((name) => adapter.features.has(name)),
  };
}

const lanes = 256;
const steps = 512;
/** Vectors of four that an invocation multiplies and adds in turn: enough to hide how long one takes. */
const chains = 8;

const shader = (type: 'f32' | 'f16'): string => {
  const each = Array.from({ length: chains }, (_, i) => i);
  return `${type === 'f16' ? 'enable f16;' : ''}
alias Four = vec4<${type}>;
@group(0) @binding(0) var<storage, read_write> out: array<f32>;
@compute @workgroup_size(${lanes})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let a = Four(${type}(1) - ${type}(id.x & 7u) * ${type}(0.001));
  let b = Four(${type}(id.x & 3u) * ${type}(0.01));
  ${each.map((i) => `var c${i} = Four(${type}(${i}));`).join('\n  ')}
  for (var i = 0; i < ${steps}; i++) {
    ${each.map((i) => `c${i} = fma(c${i}, a, b);`).join('\n    ')}
  }
  let sum = ${each.map((i) => `c${i}`).join(' + ')};
  // Read by nobody, and known by no compiler to be so.
  if (f32(sum.x + sum.y + sum.z + sum.w) == 12345.678) { out[0] = 1.0; }
}`;
};

async function measure(device: GPUDevice, type: 'f32' | 'f16'): Promise<number> {
  const pipeline = await device.createComputePipelineAsync({
    layout: 'auto',
    compute: { module: device.createShaderModule({ code: shader(type) }) },
  });
  const buffer = device.createBuffer({ size: 4, usage: GPUBufferUsage.STORAGE });
  const group = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [{ binding: 0, resource: { buffer } }],
  });
  const seconds = async (groups: number): Promise<number> => {
    const start = performance.now();
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(groups);
    pass.end();
    device.queue.submit([encoder.finish()]);
    await device.queue.onSubmittedWorkDone();
    return (performance.now() - start) / 1000;
  };
  const operations = (groups: number): number => groups * lanes * steps * chains * 4 * 2;
  let groups = 8;
  // Long enough that starting it does not count.
  while ((await seconds(groups)) < 0.05 && groups < 32768) groups *= 2;
  let best = 0;
  for (let turn = 0; turn < 5; turn++)
    best = Math.max(best, operations(groups) / (await seconds(groups)));
  return best;
}

async function peak(): Promise<Peak> {
  const adapter = (await request())!;
  const half = adapter.features.has('shader-f16');
  const device = await adapter.requestDevice({ requiredFeatures: half ? ['shader-f16'] : [] });
  const f32 = await measure(device, 'f32');
  return { f32, ...(half && { f16: await measure(device, 'f16') }) };
}

export interface PageAdapter {
  describe(): Promise<AdapterInfo | undefined>;
  peak(): Promise<Peak>;
}
Object.assign(globalThis, { adapter: { describe, peak } satisfies PageAdapter });

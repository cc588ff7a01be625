/** A backend whose device is watched: what it was asked for, in numbers. */
import { webgpu } from '../src/index.ts';
import type { WebGpuOptions } from '../src/index.ts';
import type { Backend } from '@hebb/core';
import { gpu } from './software-gpu.ts';

export interface Counts {
  submits: number;
  maps: number;
  /** Pipelines asked for, in either way. */
  asynchronous: number;
  synchronous: number;
  /** Texts of all shaders. */
  codes: string[];
  /** Bytes of all storage buffers made. */
  sizes: number[];
}

export interface Spied {
  readonly backend: Backend;
  readonly device: GPUDevice;
  readonly counts: Counts;
}

/**
 * An adapter whose next device goes through `change` before anybody sees it. `asCard`: it says that it is a graphics
 * processor, and gets the kernels of one.
 */
export async function adapterWith(
  change: (device: GPUDevice) => void,
  { asCard = false } = {},
): Promise<GPUAdapter> {
  const adapter = (await gpu().requestAdapter())!;
  return new Proxy(adapter, {
    get: (target, key) => {
      if (key === 'info' && asCard) {
        return { vendor: 'test', architecture: 'card', description: '', isFallbackAdapter: false };
      }
      if (key !== 'requestDevice') {
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === 'function' ? value.bind(target) : value;
      }
      return async (descriptor: GPUDeviceDescriptor) => {
        const device = await target.requestDevice(descriptor);
        change(device);
        return device;
      };
    },
  });
}

/** Puts `around` in the place of a method. */
export function wrap<T extends object, K extends keyof T>(
  target: T,
  name: K,
  around: (call: T[K] & ((...args: never[]) => unknown)) => T[K],
): void {
  const method = (target[name] as (...args: never[]) => unknown).bind(target);
  Object.defineProperty(target, name, { value: around(method as never), configurable: true });
}

export async function spied(
  options: WebGpuOptions = {},
  kind: { readonly asCard?: boolean } = {},
): Promise<Spied> {
  const counts: Counts = {
    submits: 0,
    maps: 0,
    asynchronous: 0,
    synchronous: 0,
    sizes: [],
    codes: [],
  };
  let found: GPUDevice | undefined;
  const adapter = await adapterWith((device) => {
    found = device;
    wrap(device.queue, 'submit', (call) => (buffers) => {
      counts.submits += 1;
      return call(buffers);
    });
    wrap(device, 'createShaderModule', (call) => (descriptor) => {
      counts.codes.push(descriptor.code);
      return call(descriptor);
    });
    wrap(device, 'createComputePipelineAsync', (call) => (descriptor) => {
      counts.asynchronous += 1;
      return call(descriptor);
    });
    wrap(device, 'createComputePipeline', (call) => (descriptor) => {
      counts.synchronous += 1;
      return call(descriptor);
    });
    wrap(device, 'createBuffer', (call) => (descriptor) => {
      const buffer = call(descriptor);
      if ((descriptor.usage & 0x80) !== 0) counts.sizes.push(descriptor.size);
      wrap(buffer, 'mapAsync', (map) => (mode, offset, size) => {
        counts.maps += 1;
        return map(mode, offset, size);
      });
      return buffer;
    });
  }, kind);
  return { backend: await webgpu({ gpu: gpu(), ...options, adapter }), device: found!, counts };
}

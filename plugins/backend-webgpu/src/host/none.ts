/** Where nothing but the host itself may have WebGPU: browsers, workers. */
export function packageGpu(): Promise<GPU | undefined> {
  return Promise.resolve(undefined);
}

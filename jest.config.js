/** One jest process for the whole workspace; `npm test -w packages/NAME` runs one project's own. */
import { existsSync, readdirSync } from 'node:fs';
import { testTimeout } from './jest.preset.js';

export default {
  // Jest takes it from here where it runs every project.
  testTimeout,
  // A process that has had a WebGPU device takes a second to leave: Dawn and SwiftShader are taken down after
  // Node's last event, and gigabytes of modules with them. Jest would end it after half a second and complain.
  workerGracefulExitTimeout: 60_000,
  // Modules of every spec stay in the memory of the process that ran it: 5 GB at the end of all.
  workerIdleMemoryLimit: '2.5GB',
  projects: ['packages', 'plugins', 'apps', 'tools']
    .flatMap((group) =>
      existsSync(group) ? readdirSync(group).map((name) => `${group}/${name}`) : [],
    )
    .filter((folder) => existsSync(`${folder}/jest.config.js`))
    .map((folder) => `<rootDir>/${folder}`),
};

import { tfjsRunner } from '../../peers/tfjs/runner.ts';
import { startWebGpu } from '../../peers/tfjs/start-webgpu.ts';
import { expose } from './expose.ts';

expose(tfjsRunner(startWebGpu));

import { webGpuRunner } from '../../hebb/on-webgpu.ts';
import { expose } from './expose.ts';

expose(webGpuRunner());

import { jaxRunner } from '../../peers/jax/runner.ts';
import { expose } from './expose.ts';

expose(jaxRunner('webgpu'));

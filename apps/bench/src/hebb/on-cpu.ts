/** Hebb on the interpreter. */
import { cpu } from '@hebb/backend-cpu';
import { hebbRunner } from './runner.ts';

export const runner = hebbRunner(() => cpu());

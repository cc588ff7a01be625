import { cpu } from '@hebb/backend-cpu';
import { testBackend } from '../src/index.ts';

testBackend('cpu, judged by the definitions', cpu);

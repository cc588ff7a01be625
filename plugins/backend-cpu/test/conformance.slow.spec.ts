import { testBackend } from '@hebb/conformance';
import { cpu } from '../src/index.ts';

testBackend('cpu', () => cpu());

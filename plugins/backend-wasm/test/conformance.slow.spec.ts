import { testBackend } from '@hebb/conformance';
import { wasm } from '../src/index.ts';

testBackend('wasm', () => wasm());
testBackend('wasm, plain SIMD', () => wasm({ simd: 'plain' }));

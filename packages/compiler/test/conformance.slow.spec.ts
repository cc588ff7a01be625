/** The conformance kit, every primitive and composite, gradients too, on compiled and interpreted programs. */
import { cpu } from '@hebb/backend-cpu';
import { testBackend } from '@hebb/conformance';
import { operators } from '@hebb/ops';
import { interpreted } from './backend.ts';

testBackend('interpreted', () => interpreted(), {
  oracle: () => cpu(),
  ops: operators,
  trainingSteps: 30,
});

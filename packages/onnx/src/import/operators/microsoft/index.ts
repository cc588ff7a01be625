/** com.microsoft: operators of ONNX Runtime's own, as its optimizer and quantiser write them. */
import type { OperatorTable } from '../../table.ts';
import { attentionOperators } from './attention.ts';
import { fusedOperators } from './fused.ts';
import { quantisedOperatorsOfMicrosoft } from './quantised.ts';

export { simplifiedOperators } from './fused.ts';

export const microsoftOperators: OperatorTable = {
  ...fusedOperators,
  ...attentionOperators,
  ...quantisedOperatorsOfMicrosoft,
};

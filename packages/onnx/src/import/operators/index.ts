/** The operator tables by domain: derived from op records, then the entries of each topic. */
import { primitives } from '@hebb/core';
import type { Op } from '@hebb/core';
import { operators } from '@hebb/ops';
import type { Domains } from '../program.ts';
import type { OperatorTable } from '../table.ts';
import { attentionOperators } from './attention.ts';
import { controlOperators } from './control.ts';
import { convOperators } from './conv.ts';
import { derivedOperators } from './derived.ts';
import { elementwiseOperators } from './elementwise.ts';
import { arrayFeatureExtractor, indexingOperators } from './indexing.ts';
import { linearOperators } from './linear.ts';
import { lossOperators } from './loss.ts';
import { normalisationOperators } from './normalisation.ts';
import { poolOperators } from './pool.ts';
import { quantisedOperators } from './quantised.ts';
import { recurrentOperators } from './recurrent.ts';
import { reductionOperators } from './reduction.ts';
import { sequenceOperators } from './sequence.ts';
import { shapeOperators } from './shape.ts';

const onnxOperators: OperatorTable = {
  ...derivedOperators([...primitives, ...operators]),
  ...elementwiseOperators,
  ...reductionOperators,
  ...shapeOperators,
  ...indexingOperators,
  ...linearOperators,
  ...convOperators,
  ...poolOperators,
  ...normalisationOperators,
  ...lossOperators,
  ...quantisedOperators,
  ...recurrentOperators,
  ...attentionOperators,
  ...controlOperators,
  ...sequenceOperators,
};

const mlOperators: OperatorTable = {
  ArrayFeatureExtractor: arrayFeatureExtractor,
};

/** All that can be imported; records given by the caller come first. */
export function operatorDomains(own: readonly Op[] = []): Domains {
  return new Map([
    ['', { ...onnxOperators, ...derivedOperators(own) }],
    ['ai.onnx.ml', mlOperators],
  ]);
}

/** Names of supported operators: `Conv`, `ai.onnx.ml.ArrayFeatureExtractor`. */
export function supportedOperators(): readonly string[] {
  return [...operatorDomains()].flatMap(([domain, table]) =>
    Object.keys(table).map((op) => (domain === '' ? op : `${domain}.${op}`)),
  );
}

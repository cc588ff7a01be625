/** The operator tables by domain: derived from op records, then the entries of each topic. */
import { primitives } from '@hebb/core';
import type { Op } from '@hebb/core';
import { operators } from '@hebb/ops';
import type { Domains } from '../program.ts';
import type { OperatorTable } from '../table.ts';
import { attentionOperators, flexAttention } from './attention.ts';
import { controlOperators } from './control.ts';
import { convOperators } from './conv.ts';
import { derivedOperators } from './derived.ts';
import { elementwiseOperators } from './elementwise.ts';
import { gradientOperators } from './gradients.ts';
import { imageOperators } from './image.ts';
import type { ImageDecoder } from './image.ts';
import { arrayFeatureExtractor, indexingOperators } from './indexing.ts';
import { legacyOperators } from './legacy.ts';
import { linearOperators } from './linear.ts';
import { lossOperators } from './loss.ts';
import { microsoftOperators, simplifiedOperators } from './microsoft/index.ts';
import { mlOperators } from './ml.ts';
import { normalisationOperators } from './normalisation.ts';
import { poolOperators } from './pool.ts';
import { quantisedOperators } from './quantised.ts';
import { randomOperators } from './random.ts';
import { recurrentOperators } from './recurrent.ts';
import { reductionOperators } from './reduction.ts';
import { resizeOperators } from './resize.ts';
import { samplingOperators } from './sampling.ts';
import { selectionOperators } from './selection.ts';
import { sequenceOperators } from './sequence.ts';
import { shapeOperators } from './shape.ts';
import { signalOperators } from './signal.ts';
import { svmOperators } from './svm.ts';
import { textOperators } from './text.ts';
import { trainingOperators } from './training.ts';
import { treeOperators } from './trees.ts';

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
  ...resizeOperators,
  ...samplingOperators,
  ...selectionOperators,
  ...signalOperators,
  ...randomOperators,
  ...textOperators,
  ...controlOperators,
  ...sequenceOperators,
  ...legacyOperators,
  ...simplifiedOperators,
  ...gradientOperators,
};

const mlTable: OperatorTable = {
  ArrayFeatureExtractor: arrayFeatureExtractor,
  ...mlOperators,
  ...treeOperators,
  ...svmOperators,
};

export interface DomainOptions {
  readonly operators?: readonly Op[];
  readonly decodeImage?: ImageDecoder;
}

/** All that can be imported; records given by the caller come first. */
export function operatorDomains({ operators: own = [], decodeImage }: DomainOptions = {}): Domains {
  return new Map([
    ['', { ...onnxOperators, ...imageOperators(decodeImage), ...derivedOperators(own) }],
    ['ai.onnx.ml', mlTable],
    ['com.microsoft', { ...microsoftOperators, ...gradientOperators }],
    ['ai.onnx.preview', { FlexAttention: flexAttention }],
    ['ai.onnx.preview.training', trainingOperators],
  ]);
}

/** Names of supported operators: `Conv`, `ai.onnx.ml.ArrayFeatureExtractor`. */
export function supportedOperators(): readonly string[] {
  return [...operatorDomains()].flatMap(([domain, table]) =>
    Object.keys(table).map((op) => (domain === '' ? op : `${domain}.${op}`)),
  );
}

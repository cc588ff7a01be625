/** Family `linalg_indexing`. */
import * as core from '@hebb/core';
import type { IndexSpec, Tensor } from '@hebb/core';
import * as ops from '@hebb/ops';
import {
  dims,
  flag,
  ints,
  maybeNum,
  maybeNumOrList,
  num,
  numOrList,
  text,
  word,
} from '../attrs.ts';
import type { AttrValue, CaseTable, Outputs, Tensors } from '../case.ts';

const padModes = ['constant', 'reflect', 'replicate', 'circular'] as const;

/** x0, x1, ... in order. */
function numbered(tensors: Tensors): Tensor[] {
  return Object.keys(tensors)
    .filter((name) => /^x\d+$/.test(name))
    .sort((a, b) => Number(a.slice(1)) - Number(b.slice(1)))
    .map((name) => tensors[name]!);
}
/** output0, output1, ... */
function numberedOutputs(list: readonly Tensor[]): Outputs {
  return Object.fromEntries(list.map((y, i) => [`output${i}`, y]));
}
const valued = ([values, indices]: readonly Tensor[]): Outputs => ({
  values: values!,
  indices: indices!,
});
const sections = (value: AttrValue | undefined): number | number[] => numOrList(value);

/** An entry of an index: the name of a tensor, a number, a slice, a new axis or the rest. */
function indexEntry(entry: AttrValue, tensors: Tensors): IndexSpec {
  if (entry === null || typeof entry === 'number') return entry;
  if (entry === '...') return '...';
  if (typeof entry === 'string') {
    if (entry === ':') return [null];
    const named = tensors[entry];
    if (named === undefined) core.fail('reference', `index names no input: ${entry}`);
    return named;
  }
  if (Array.isArray(entry)) return slice(entry as readonly AttrValue[]);
  core.fail('reference', 'unknown index', JSON.stringify(entry));
}
function slice(
  entry: readonly AttrValue[],
): readonly [number | null, number | null, number | null] {
  const at = (i: number): number | null => (entry[i] == null ? null : num(entry[i]));
  return [at(0), at(1), at(2)];
}

export const linalgIndexing: CaseTable = {
  // products
  addmm: ({ c, a, b }, { beta, alpha }) =>
    ops.addmm(c!, a!, b!, { beta: maybeNum(beta) ?? 1, alpha: maybeNum(alpha) ?? 1 }),
  baddbmm: ({ c, a, b }, { beta, alpha }) =>
    ops.baddbmm(c!, a!, b!, { beta: maybeNum(beta) ?? 1, alpha: maybeNum(alpha) ?? 1 }),
  bilinear: ({ a, b, weight, bias }) => ops.bilinear(a!, b!, weight!, bias),
  bmm: ({ a, b }) => ops.bmm(a!, b!),
  cdist: ({ a, b }, { p }) => ops.cdist(a!, b!, num(p ?? 2)),
  cosine_similarity: ({ a, b }, { dim, eps }) =>
    ops.cosineSimilarity(a!, b!, { dim: maybeNum(dim) ?? 1, eps: maybeNum(eps) ?? 1e-8 }),
  einsum: (tensors, { equation, operands }) => {
    const names = operands == null ? Object.keys(tensors) : (operands as readonly string[]);
    return ops.einsum(text(equation), ...names.map((name) => tensors[name]!));
  },
  linear: ({ x, weight, bias }) => ops.linear(x!, weight!, bias),
  matmul: ({ a, b }) => core.matmul(a!, b!),
  matmul_self: ({ a }) => core.matmul(core.matmul(a!, a!), a!.transpose()),
  matmul_transposed: ({ a, b }) => core.matmul(a!.transpose(), b!.transpose()),
  outer: ({ a, b }) => ops.outer(a!, b!),
  tensordot: ({ a, b }, { dims: axes }) => {
    if (typeof axes === 'number') return ops.tensordot(a!, b!, axes);
    const [left, right] = axes as readonly AttrValue[];
    return ops.tensordot(a!, b!, [ints(left), ints(right)]);
  },
  // diagonals
  diag: ({ x }, { diagonal }) => ops.diag(x!, maybeNum(diagonal)),
  diag_embed: ({ x }, { offset, dim1, dim2 }) =>
    ops.diagEmbed(x!, maybeNum(offset), maybeNum(dim1), maybeNum(dim2)),
  diagonal: ({ x }, { offset, dim1, dim2 }) =>
    ops.diagonal(x!, maybeNum(offset), maybeNum(dim1), maybeNum(dim2)),
  trace: ({ x }) => ops.trace(x!),
  tril: ({ x }, { diagonal }) => ops.tril(x!, maybeNum(diagonal)),
  triu: ({ x }, { diagonal }) => ops.triu(x!, maybeNum(diagonal)),
  // lookups
  advanced_index: (tensors, { index }) => {
    const entries = index as readonly AttrValue[];
    return core.index(
      tensors['x']!,
      entries.map((entry) => indexEntry(entry, tensors)),
    );
  },
  boolean_index: ({ x, mask }) => ops.booleanIndex(x!, mask!),
  embedding: ({ index, weight }, { padding_idx: paddingIdx }) =>
    ops.embedding(index!, weight!, { paddingIdx: maybeNum(paddingIdx) ?? null }),
  embedding_bag: ({ index, offsets, weight, per_sample_weights: perSample }, attrs) =>
    ops.embeddingBag(index!, weight!, offsets, {
      mode: word(attrs['mode'] ?? 'mean', ['sum', 'mean', 'max']),
      paddingIdx: maybeNum(attrs['padding_idx']) ?? null,
      includeLastOffset: flag(attrs['include_last_offset']),
      ...(perSample === undefined ? {} : { perSampleWeights: perSample }),
    }),
  gather: ({ x, index }, { dim }) => ops.gather(x!, num(dim), index!),
  index_add: ({ x, index, src }, { dim, alpha }) =>
    ops.indexAdd(x!, num(dim), index!, src!, { alpha: maybeNum(alpha) ?? 1 }),
  index_select: ({ x, index }, { dim }) => ops.indexSelect(x!, num(dim), index!),
  masked_fill: ({ x, mask, value: filling }, { value }) =>
    ops.maskedFill(x!, mask!, filling ?? num(value)),
  one_hot: ({ index }, { num_classes: classes }, { inputs }) => {
    // -1 counts the classes in the data.
    const count = maybeNum(classes) ?? -1;
    const most = Math.max(...(inputs['index']?.data ?? []).map(Number));
    return ops.oneHot(index!, count === -1 ? most + 1 : count);
  },
  scatter: ({ x, index, src }, { dim, value }) =>
    ops.scatter(x!, num(dim), index!, src ?? num(value)),
  scatter_add: ({ x, index, src }, { dim }) => ops.scatterAdd(x!, num(dim), index!, src!),
  scatter_reduce: ({ x, index, src }, { dim, reduce, include_self: includeSelf }) =>
    ops.scatterReduce(
      x!,
      num(dim),
      index!,
      src!,
      word(reduce, ['sum', 'prod', 'mean', 'amax', 'amin']),
      { includeSelf: includeSelf === undefined || flag(includeSelf) },
    ),
  take_along_dim: ({ x, index }, { dim }) => ops.takeAlongDim(x!, index!, maybeNum(dim)),
  // order
  argsort: ({ x }, { dim, descending }) =>
    ops.argsort(x!, maybeNum(dim), { descending: flag(descending) }),
  kthvalue: ({ x }, { k, dim, keepdim }) =>
    valued(ops.kthvalue(x!, num(k), maybeNum(dim), flag(keepdim))),
  searchsorted: ({ sorted, x }, { right }) => ops.searchsorted(sorted!, x!, { right: flag(right) }),
  sort: ({ x }, { dim, descending }) =>
    valued(core.sort(x!, maybeNum(dim), { descending: flag(descending) })),
  topk: ({ x }, { k, dim, largest }) =>
    valued(
      ops.topk(x!, num(k), maybeNum(dim), { largest: largest === undefined || flag(largest) }),
    ),
  // arrangement
  chunk: ({ x }, { chunks, dim }) => numberedOutputs(ops.chunk(x!, num(chunks), maybeNum(dim))),
  concat: (tensors, { dim }) => core.concat(numbered(tensors), maybeNum(dim)),
  expand: ({ x }, { shape }) => core.expand(x!, ints(shape)),
  flip: ({ x }, { dims: axes }) => core.flip(x!, dims(axes)),
  movedim: ({ x }, { source, destination }) =>
    ops.movedim(x!, numOrList(source), numOrList(destination)),
  narrow: ({ x }, { dim, start, length }) => core.narrow(x!, num(dim), num(start), num(length)),
  pad: ({ x }, { pad, mode, value }) =>
    ops.pad(x!, ints(pad), {
      mode: word(mode ?? 'constant', padModes),
      value: maybeNum(value) ?? 0,
    }),
  permute: ({ x }, { dims: axes }) => core.permute(x!, ints(axes)),
  permute_reshape: ({ x }, { dims: axes, shape }) =>
    core.reshape(core.permute(x!, ints(axes)), ints(shape)),
  repeat: ({ x }, { repeats }) => ops.repeat(x!, ints(repeats)),
  repeat_interleave: ({ x }, { repeats, dim }) =>
    ops.repeatInterleave(x!, numOrList(repeats), maybeNum(dim)),
  roll: ({ x }, { shifts, dims: axes }) => ops.roll(x!, numOrList(shifts), maybeNumOrList(axes)),
  select: ({ x }, { dim, index }) => ops.select(x!, num(dim), num(index)),
  slice: ({ x }, { slices }) =>
    core.index(
      x!,
      (slices as readonly AttrValue[]).map((entry) => slice(entry as readonly AttrValue[])),
    ),
  split: ({ x }, { split_size_or_sections: parts, dim }) =>
    numberedOutputs(ops.split(x!, sections(parts), maybeNum(dim))),
  split_partly_used: ({ x }, { split_size_or_sections: parts, dim }) =>
    core.mul(ops.split(x!, sections(parts), maybeNum(dim))[1]!, 2),
  squeeze_unsqueeze: ({ x }, { squeeze, unsqueeze }) =>
    core.unsqueeze(core.squeeze(x!, dims(squeeze)), num(unsqueeze)),
  stack: (tensors, { dim }) => core.stack(numbered(tensors), maybeNum(dim)),
  'tensor.unfold': ({ x }, { dim, size, step }) =>
    ops.unfoldDim(x!, num(dim), num(size), num(step)),
  tile: ({ x }, { dims: repeats }) => ops.tile(x!, ints(repeats)),
  transpose: ({ x }, { dim0, dim1 }) => ops.transpose(x!, num(dim0), num(dim1)),
};

/** Tree ensembles: every row walks every tree, all at once, a level at a step. */
import {
  add,
  and,
  cast,
  concat,
  eq,
  fromBits,
  gather,
  gatherElements,
  ge,
  gt,
  le,
  lt,
  max,
  min,
  ne,
  not,
  or,
  reshape,
  sub,
  sum,
  where,
} from '@hebb/core';
import type { Tensor } from '@hebb/core';
import type { Call } from '../call.ts';
import { hostNumbersOf } from '../numbers.ts';
import { since } from '../table.ts';
import type { OperatorTable } from '../table.ts';
import type { Value } from '../value.ts';
import { classLabels, labelled, postTransform } from './ml.ts';

/** All nodes of all trees; leaves stay where they are. */
interface Forest {
  readonly feature: number[];
  readonly mode: number[];
  readonly split: number[];
  readonly yes: number[];
  readonly no: number[];
  readonly missingYes: boolean[];
  /** For members of a set: a row of the table of sets. */
  readonly members: Map<number, readonly number[]>;
  readonly roots: number[];
  /** Contributions of each node, empty for inner ones: [target, weight]. */
  readonly leaves: (readonly (readonly [target: number, weight: number])[])[];
}

const modes = [
  'BRANCH_LEQ',
  'BRANCH_LT',
  'BRANCH_GTE',
  'BRANCH_GT',
  'BRANCH_EQ',
  'BRANCH_NEQ',
  'BRANCH_MEMBER',
  'LEAF',
];
const memberMode = 6;
const leafMode = 7;

const ints = (values: readonly number[]): Tensor =>
  fromBits(Int32Array.from(values), [values.length], 'int32');

function depthOf(c: Call, forest: Forest): number {
  const depth = new Array<number>(forest.mode.length).fill(-1);
  let deepest = 0;
  const stack = forest.roots.map((root): [number, number] => [root, 0]);
  while (stack.length > 0) {
    const [node, level] = stack.pop()!;
    if (level > forest.mode.length) c.invalid('the trees have a cycle');
    if (node < 0 || node >= forest.mode.length) c.invalid(`node ${node} does not exist`);
    if (depth[node]! >= level) continue;
    depth[node] = level;
    deepest = Math.max(deepest, level);
    if (forest.mode[node] !== leafMode) {
      stack.push([forest.yes[node]!, level + 1], [forest.no[node]!, level + 1]);
    }
  }
  return deepest;
}

/** The leaf that each row ends in, in each tree. Shape: x [N, F] -> [N, trees]. */
function leavesOf(c: Call, x: Tensor, forest: Forest): Tensor {
  const rows = x.shape[0]!;
  const trees = forest.roots.length;
  const feature = ints(forest.feature);
  const mode = ints(forest.mode);
  const split = cast(
    fromBits(Float64Array.from(forest.split), [forest.split.length], 'float64'),
    x.dtype,
  );
  const yes = ints(forest.yes);
  const no = ints(forest.no);
  const missing = fromBits(
    Uint8Array.from(forest.missingYes, Number),
    [forest.missingYes.length],
    'bool',
  );
  let at = ints(forest.roots).reshape([1, trees]).expand([rows, trees]);
  for (let step = depthOf(c, forest); step > 0; step--) {
    const value = gatherElements(x, gather(feature, at), 1);
    const bound = gather(split, at);
    const kind = gather(mode, at);
    const tests = [
      le(value, bound),
      lt(value, bound),
      ge(value, bound),
      gt(value, bound),
      eq(value, bound),
      ne(value, bound),
    ];
    let passed = tests.reduce(
      (chosen, test, k) => or(chosen, and(eq(kind, k), test)),
      eq(kind, -1),
    );
    for (const [node, set] of forest.members) {
      const inside = set.map((v) => eq(value, v)).reduce((a, b) => or(a, b), eq(kind, -1));
      passed = or(passed, and(eq(at, node), inside));
    }
    const unknown = ne(value, value);
    const goes = or(and(passed, not(unknown)), and(unknown, gather(missing, at)));
    const next = where(goes, gather(yes, at), gather(no, at));
    at = where(eq(kind, leafMode), at, next);
  }
  return at;
}

/** Contributions of the leaves that were reached. Shape: [N, targets]. */
function aggregate(
  c: Call,
  leaf: Tensor,
  forest: Forest,
  targets: number,
  how: string,
  dtype: Tensor['dtype'],
): Tensor {
  const count = forest.leaves.length;
  const table = new Float64Array(c.sized(count * targets));
  const present = new Uint8Array(count * targets);
  forest.leaves.forEach((list, node) => {
    for (const [target, weight] of list) {
      if (target < 0 || target >= targets) c.invalid(`target ${target} of ${targets}`);
      table[node * targets + target]! += weight;
      present[node * targets + target] = 1;
    }
  });
  const weights = cast(fromBits(table, [count, targets], 'float64'), dtype);
  const values = gather(weights, leaf, 0); // [N, trees, targets]
  if (how === 'SUM') return sum(values, 1);
  if (how === 'AVERAGE') return sum(values, 1).div(forest.roots.length);
  const given = gather(fromBits(present, [count, targets], 'bool'), leaf, 0);
  const pick = how === 'MIN' ? min : max;
  const best = pick(where(given, values, how === 'MIN' ? Infinity : -Infinity), 1);
  return where(max(given, 1), best, 0);
}

/** Version 5: arrays of inner nodes and leaves, referred to by number. */
function treeEnsemble(c: Call): Value {
  const featureIds = c.attr.ints('nodes_featureids', []);
  const inner = featureIds.length;
  const splits = c.attr.tensor('nodes_splits') ?? c.invalid('nodes_splits are missing');
  const kinds = c.attr.tensor('nodes_modes') ?? c.invalid('nodes_modes are missing');
  const leafTargets = c.attr.ints('leaf_targetids', []);
  const leafWeights = hostNumbersOf(
    c.attr.tensor('leaf_weights') ?? c.invalid('leaf_weights are missing'),
  );
  const trueIds = c.attr.ints('nodes_truenodeids', []);
  const falseIds = c.attr.ints('nodes_falsenodeids', []);
  const trueLeaf = c.attr.ints('nodes_trueleafs', []);
  const falseLeaf = c.attr.ints('nodes_falseleafs', []);
  const track = c.attr.ints('nodes_missing_value_tracks_true') ?? [];
  const total = inner + leafTargets.length;
  const modeOf = Array.from(hostNumbersOf(kinds), Number);
  const members = new Map<number, readonly number[]>();
  const pool = c.attr.tensor('membership_values');
  if (pool !== undefined) {
    // Sets stand one after the other, each closed by NaN.
    const values = Array.from(hostNumbersOf(pool), Number);
    let at = 0;
    modeOf.forEach((mode, node) => {
      if (mode !== memberMode) return;
      const end = values.findIndex((v, i) => i >= at && Number.isNaN(v));
      members.set(node, values.slice(at, end < 0 ? undefined : end));
      at = end < 0 ? values.length : end + 1;
    });
  }
  const pad = <T>(list: readonly T[], fill: T): T[] =>
    Array.from({ length: total }, (_, i) => list[i] ?? fill);
  const forest: Forest = {
    feature: pad(featureIds, 0),
    mode: Array.from({ length: total }, (_, i) => (i < inner ? modeOf[i]! : leafMode)),
    split: pad(Array.from(hostNumbersOf(splits), Number), 0),
    yes: pad(
      trueIds.map((id, i) => (trueLeaf[i] === 1 ? inner + id : id)),
      0,
    ),
    no: pad(
      falseIds.map((id, i) => (falseLeaf[i] === 1 ? inner + id : id)),
      0,
    ),
    missingYes: pad(
      track.map((n) => n !== 0),
      false,
    ),
    members,
    roots: c.attr.ints('tree_roots', []),
    leaves: Array.from({ length: total }, (_, i) =>
      i < inner ? [] : [[leafTargets[i - inner]!, Number(leafWeights[i - inner])] as const],
    ),
  };
  const how = ['AVERAGE', 'SUM', 'MIN', 'MAX'][c.attr.int('aggregate_function', 1)] ?? 'SUM';
  const x = c.tensor(0);
  const scores = aggregate(
    c,
    leavesOf(c, x, forest),
    forest,
    c.attr.int('n_targets', 1),
    how,
    x.dtype,
  );
  const transform = c.attr.int('post_transform', 0);
  return transform === 0 ? scores : c.unsupported(`post_transform ${transform}`);
}

/** Versions before 5: one list of nodes, named by tree and number. */
function legacyForest(c: Call, kind: 'target' | 'class'): Forest {
  const trees = c.attr.ints('nodes_treeids', []);
  const ids = c.attr.ints('nodes_nodeids', []);
  const key = (tree: number, node: number) => `${tree}:${node}`;
  const place = new Map(ids.map((id, i) => [key(trees[i]!, id), i]));
  const link = (list: readonly number[], i: number): number =>
    place.get(key(trees[i]!, list[i]!)) ?? 0;
  const yes = c.attr.ints('nodes_truenodeids', []);
  const no = c.attr.ints('nodes_falsenodeids', []);
  const names = c.attr.strings('nodes_modes') ?? [];
  const track = c.attr.ints('nodes_missing_value_tracks_true') ?? [];
  const wide = c.attr.tensor('nodes_values_as_tensor');
  const values =
    wide === undefined
      ? (c.attr.floats('nodes_values') ?? [])
      : Array.from(hostNumbersOf(wide), Number);
  const leaves: [number, number][][] = ids.map(() => []);
  const leafTrees = c.attr.ints(`${kind}_treeids`, []);
  const leafNodes = c.attr.ints(`${kind}_nodeids`, []);
  const leafIds = c.attr.ints(`${kind}_ids`, []);
  const wideWeights = c.attr.tensor(`${kind}_weights_as_tensor`);
  const weights =
    wideWeights === undefined
      ? (c.attr.floats(`${kind}_weights`) ?? [])
      : Array.from(hostNumbersOf(wideWeights), Number);
  leafIds.forEach((target, i) => {
    const at = place.get(key(leafTrees[i]!, leafNodes[i]!));
    if (at === undefined) c.invalid('a weight names a node that does not exist');
    leaves[at]!.push([target, weights[i] ?? 0]);
  });
  const firstOf = new Map<number, number>();
  const pointed = new Set(
    ids.flatMap((_, i) => (names[i] === 'LEAF' ? [] : [link(yes, i), link(no, i)])),
  );
  trees.forEach((tree, i) => {
    if (!firstOf.has(tree) && !pointed.has(i)) firstOf.set(tree, i);
  });
  return {
    feature: c.attr.ints('nodes_featureids', []),
    mode: names.map((name) => {
      const mode = modes.indexOf(name);
      return mode < 0 ? c.unsupported(`node mode ${name}`) : mode;
    }),
    split: [...values],
    yes: ids.map((_, i) => link(yes, i)),
    no: ids.map((_, i) => link(no, i)),
    missingYes: ids.map((_, i) => track[i] === 1),
    members: new Map(),
    roots: [...firstOf.values()],
    leaves,
  };
}

function base(c: Call, scores: Tensor): Tensor {
  const wide = c.attr.tensor('base_values_as_tensor');
  const values =
    wide === undefined ? c.attr.floats('base_values') : Array.from(hostNumbersOf(wide), Number);
  if (values === undefined || values.length === 0) return scores;
  return add(
    scores,
    cast(fromBits(Float64Array.from(values), [values.length], 'float64'), scores.dtype),
  );
}

function regressor(c: Call): Tensor {
  const forest = legacyForest(c, 'target');
  const x = cast(c.tensor(0), 'float32');
  const how = c.attr.string('aggregate_function', 'SUM');
  const scores = aggregate(
    c,
    leavesOf(c, x, forest),
    forest,
    c.attr.int('n_targets', 1),
    how,
    'float32',
  );
  return postTransform(c, base(c, scores));
}

function classifier(c: Call): Value[] {
  const forest = legacyForest(c, 'class');
  const labels = classLabels(c);
  const classes = labels?.data.length ?? 1;
  const x = cast(c.tensor(0), 'float32');
  const targets = new Set(c.attr.ints('class_ids', []));
  const scores = base(c, aggregate(c, leavesOf(c, x, forest), forest, classes, 'SUM', 'float32'));
  if (classes === 2 && targets.size === 1) {
    // Trees that vote for one of two classes only give its score.
    const [only] = targets;
    const positive = scores.narrow(1, only!, 1);
    const transform = c.attr.string('post_transform', 'NONE');
    const second = postTransform(c, positive);
    const first = transform === 'NONE' || transform === 'LOGISTIC' ? sub(1, second) : second.neg();
    const index = cast(reshape(gt(second, 0.5), [x.shape[0]!]), 'int32');
    return [labelled(c, labels, index), concat([first, second], 1)];
  }
  return [labelled(c, labels, scores.argmax(1)), postTransform(c, scores)];
}

export const treeOperators: OperatorTable = {
  TreeEnsemble: [since(1, treeEnsemble)],
  TreeEnsembleRegressor: [since(1, regressor)],
  TreeEnsembleClassifier: [since(1, classifier)],
};

/**
 * Brings a model to opset 13, which later tools and the quantised operators by channel want. Source: the
 * operator changelog of ONNX, https://github.com/onnx/onnx/blob/main/docs/Changelog.md.
 */
import type { GraphProto, ModelProto, NodeProto } from '../codec/types.ts';
import { Attributes } from '../import/attributes.ts';
import { OnnxImportError } from '../import/error.ts';
import type { AttributeInput } from '../codec/build.ts';
import { GraphEdit } from './edit.ts';

const target = 13;
/** Older ones broadcast in another way. */
const oldest = 7;

/** The opset of ai.onnx that a model is written in. */
export function opsetOf(model: ModelProto): number {
  const main = model.opsetImport.find(({ domain = '' }) => domain === '' || domain === 'ai.onnx');
  return main?.version ?? 1;
}

/**
 * The model at opset 13, or as it is where it is newer.
 * @throws OnnxImportError for opsets before 7 and operators whose older meaning has no newer form.
 */
export function upgradeToOpset13(model: ModelProto): ModelProto {
  const opset = opsetOf(model);
  if (opset >= target || model.graph === undefined) return model;
  if (opset < oldest) {
    throw new OnnxImportError('unsupported', `opset ${opset} is older than ${oldest}`, {
      op: 'upgrade',
    });
  }
  return {
    ...model,
    irVersion: Math.max(model.irVersion ?? 0, 7),
    opsetImport: model.opsetImport.map((entry) =>
      (entry.domain ?? '') === '' || entry.domain === 'ai.onnx'
        ? { ...entry, version: target }
        : entry,
    ),
    graph: upgradeGraph(model.graph, opset),
  };
}

interface Step {
  readonly node: NodeProto;
  readonly attr: Attributes;
  readonly edit: GraphEdit;
  readonly opset: number;
  /** The node with other inputs and attributes. */
  write(
    inputs: readonly string[],
    attributes?: Readonly<Record<string, AttributeInput>>,
    op?: string,
  ): void;
}

function upgradeGraph(graph: GraphProto, opset: number): GraphProto {
  const edit = new GraphEdit(graph);
  for (const source of graph.node) {
    const node = {
      ...source,
      attribute: source.attribute.map((entry) =>
        entry.g === undefined ? entry : { ...entry, g: upgradeGraph(entry.g, opset) },
      ),
    };
    const rule = (node.domain ?? '') === '' ? rules[node.opType ?? ''] : undefined;
    if (rule === undefined || opset >= rule.before) {
      edit.keep(node);
      continue;
    }
    const attr = new Attributes(node.opType ?? '', node.attribute);
    rule.apply({
      node,
      attr,
      edit,
      opset,
      write(inputs, attributes = {}, op = node.opType ?? '') {
        const name = node.name === undefined ? {} : { name: node.name };
        edit.add(op, inputs, node.output, { ...name, attributes });
      },
    });
  }
  return edit.result();
}

interface Rule {
  /** The opset that changed the operator. */
  readonly before: number;
  readonly apply: (step: Step) => void;
}

/** Axes that moved from an attribute to an input. */
const axesToInput = (keep: readonly string[] = []): Rule => ({
  before: 13,
  apply({ node, attr, edit, write }) {
    const axes = attr.ints('axes');
    const kept = Object.fromEntries(
      keep.filter((name) => attr.has(name)).map((name) => [name, attr.int(name)]),
    );
    write([node.input[0]!, ...(axes === undefined ? [] : [edit.numbers(axes, 'int64')])], kept);
  },
});

/** Before 13 all axes from `axis` on were one. */
const flattened: Rule = {
  before: 13,
  apply({ node, attr, edit, write }) {
    const axis = attr.int('axis', 1);
    if (axis === -1) {
      write(node.input, { axis });
      return;
    }
    const [x] = node.input;
    const [flat] = edit.add('Flatten', [x!], 1, { attributes: { axis } });
    const [y] = edit.add(node.opType!, [flat!], 1, { attributes: { axis: -1 } });
    const [shape] = edit.add('Shape', [x!]);
    write([y!, shape!], {}, 'Reshape');
  },
};

const resized: Rule = {
  before: 11,
  apply({ node, attr, edit, write }) {
    const scales = node.input[1] ?? edit.numbers(attr.floats('scales') ?? [], 'float32');
    const mode = attr.string('mode', 'nearest');
    const attributes = {
      mode: mode === 'bilinear' ? 'linear' : mode,
      coordinate_transformation_mode: 'asymmetric',
      nearest_mode: 'floor',
    };
    write([node.input[0]!, '', scales], attributes, 'Resize');
  },
};

const rules: Readonly<Record<string, Rule>> = {
  Squeeze: axesToInput(),
  Unsqueeze: axesToInput(),
  ReduceSum: axesToInput(['keepdims']),
  Softmax: flattened,
  LogSoftmax: flattened,
  Hardmax: flattened,
  Split: {
    before: 13,
    apply({ node, attr, edit, write }) {
      const sizes = attr.ints('split');
      const input = sizes === undefined ? [] : [edit.numbers(sizes, 'int64')];
      write([node.input[0]!, ...input], { axis: attr.int('axis', 0) });
    },
  },
  Dropout: { before: 12, apply: ({ node, write }) => write(node.input.slice(0, 1)) },
  Clip: {
    before: 11,
    apply({ node, attr, edit, write }) {
      const bound = (name: string): string =>
        attr.has(name) ? edit.numbers([attr.float(name)], 'float32', []) : '';
      write([node.input[0]!, bound('min'), bound('max')]);
    },
  },
  Pad: {
    before: 11,
    apply({ node, attr, edit, write }) {
      const pads = edit.numbers(attr.ints('pads', []), 'int64');
      const value = edit.numbers([attr.float('value', 0)], 'float32', []);
      write([node.input[0]!, pads, value], { mode: attr.string('mode', 'constant') });
    },
  },
  Slice: {
    before: 10,
    apply({ node, attr, edit, write }) {
      const list = (name: string): string => edit.numbers(attr.ints(name, []), 'int64');
      const axes = attr.has('axes') ? [list('axes')] : [];
      write([node.input[0]!, list('starts'), list('ends'), ...axes]);
    },
  },
  TopK: {
    before: 10,
    apply({ node, attr, edit, write }) {
      const k = edit.numbers([attr.int('k')], 'int64');
      write([node.input[0]!, k], { axis: attr.int('axis', -1) });
    },
  },
  BatchNormalization: {
    before: 9,
    apply({ node, attr, write }) {
      if (attr.int('spatial', 1) !== 1) refuse(node, 'statistics of single places');
      write(node.input, { epsilon: { float: attr.float('epsilon', 1e-5) } });
    },
  },
  Scan: { before: 9, apply: ({ node }) => refuse(node, 'the Scan of opset 8') },
  Scatter: {
    before: 13,
    apply({ node, attr, write }) {
      write(node.input, { axis: attr.int('axis', 0) }, 'ScatterElements');
    },
  },
  Upsample: { ...resized, before: 13 },
  Resize: resized,
};

function refuse(node: NodeProto, what: string): never {
  throw new OnnxImportError('unsupported', `${what} has no form in opset ${target}`, {
    op: node.opType ?? 'node',
    path: node.name || (node.output[0] ?? ''),
  });
}

/** A summary as text. */
import { formatShape } from '@hebb/core';
import type { LayerSummary, ModelSummary } from './summary.ts';

/** `1,234,567`. */
const whole = (n: number): string => n.toLocaleString('en-US');

/** `3.46 M`, `12.3 k`. */
function short(n: number): string {
  for (const [size, unit] of [
    [1e12, ' T'],
    [1e9, ' G'],
    [1e6, ' M'],
    [1e3, ' k'],
  ] as const) {
    if (n >= size) return `${Number((n / size).toPrecision(3))}${unit}`;
  }
  return String(n);
}

const bytes = (n: number): string => `${short(n)}${n < 1e3 ? ' ' : ''}B`;

const headings = ['layer', 'output', 'parameters', 'multiply-adds'] as const;

function rowOf(layer: LayerSummary, parent: string): string[] {
  const name =
    layer.path === '' ? '' : `${layer.path.slice(parent === '' ? 0 : parent.length + 1)}: `;
  const repeated = layer.calls > 1 ? ` ×${layer.calls}` : '';
  const frozen =
    layer.parameters > 0 && layer.trainable < layer.parameters
      ? layer.trainable === 0
        ? ' (frozen)'
        : ' (partly frozen)'
      : '';
  return [
    `${'  '.repeat(layer.depth)}${name}${layer.type}${repeated}`,
    layer.calls === 0 ? 'not called' : layer.outputs.map(formatShape).join(' '),
    layer.parameters === 0 ? '-' : whole(layer.parameters) + frozen,
    layer.multiplyAdds === 0 ? '-' : short(layer.multiplyAdds),
  ];
}

export function summaryTable(model: Omit<ModelSummary, 'toString'>, depth: number): string {
  const rows = model.layers
    .filter((layer) => layer.depth <= depth)
    .map((layer) => rowOf(layer, layer.parent));
  const widths = headings.map((heading, i) =>
    Math.max(heading.length, ...rows.map((row) => row[i]!.length)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => (i < 2 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join('  ')
      .trimEnd();
  const rule = '-'.repeat(widths.reduce((a, b) => a + b, 2 * (widths.length - 1)));
  const frozen = model.parameters - model.trainable;
  return [
    line(headings),
    rule,
    ...rows.map(line),
    rule,
    `parameters     ${whole(model.parameters)}` +
      (frozen === 0 ? '' : ` (${whole(frozen)} frozen)`),
    ...(model.buffers === 0 ? [] : [`buffers        ${whole(model.buffers)}`]),
    `multiply-adds  ${short(model.multiplyAdds)}`,
    `memory         parameters ${bytes(model.parameterBytes)}, activations ` +
      `${bytes(model.activationBytes)}, at most ${bytes(model.peakBytes)} in inference`,
  ].join('\n');
}

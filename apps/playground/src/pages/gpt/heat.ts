/** Attention of a head as a picture: who looks (rows) at whom (columns). */
import { colour, rgb } from '../../ui/theme.ts';

/** Characters that one does not see get a sign. */
export const visible = (character: string): string =>
  character === '\n' ? '↵' : character === ' ' ? '␣' : character;

export function drawMap(
  canvas: HTMLCanvasElement,
  map: Float32Array,
  text: readonly string[],
  labels: boolean,
): void {
  const context = canvas.getContext('2d');
  const n = text.length;
  if (context === null || n === 0) return;
  const margin = labels ? 26 : 0;
  const cell = (canvas.width - margin) / n;
  const [from, to] = [rgb('--sunken'), rgb('--accent')];
  context.clearRect(0, 0, canvas.width, canvas.height);
  for (let row = 0; row < n; row++) {
    for (let column = 0; column <= row; column++) {
      // The square root lets small shares be seen.
      const share = Math.sqrt(map[row * n + column]!);
      const [r, g, b] = from.map((low, c) => Math.round(low + (to[c]! - low) * share));
      context.fillStyle = `rgb(${r} ${g} ${b})`;
      context.fillRect(margin + column * cell, margin + row * cell, cell + 0.5, cell + 0.5);
    }
  }
  if (!labels) return;
  context.fillStyle = colour('--ink');
  context.font = `${Math.min(20, cell)}px ${colour('--mono')}`;
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  text.forEach((character, i) => {
    const at = margin + (i + 0.5) * cell;
    context.fillText(visible(character), margin / 2, at);
    context.fillText(visible(character), at, margin / 2);
  });
}

/** All heads small, one of them large. */
import { el } from '../../ui/dom.ts';
import { onTheme } from '../../ui/theme.ts';
import { drawMap, visible } from './heat.ts';
import type { AttentionMaps } from './settings.ts';

export function attentionPanel(signal: AbortSignal): {
  element: HTMLElement;
  show(maps: AttentionMaps): void;
} {
  const heads = el('div', { class: 'heads', role: 'group', 'aria-label': 'Heads' });
  const large = el('canvas', {
    class: 'head-map',
    width: 560,
    height: 560,
    role: 'img',
    hidden: true,
  });
  const words = el(
    'p',
    { class: 'small quiet' },
    'Stop the writing, and see here where each of the last characters looked.',
  );
  let maps: AttentionMaps | undefined;
  let chosen = 0;
  let buttons: HTMLButtonElement[] = [];

  const part = ({ maps: all, text }: AttentionMaps, i: number): Float32Array => {
    const n = [...text].length;
    return all.subarray(i * n * n, (i + 1) * n * n);
  };
  const draw = (): void => {
    if (maps === undefined) return;
    const text = [...maps.text];
    const n = text.length;
    const map = part(maps, chosen);
    drawMap(large, map, text, true);
    buttons.forEach((each, i) => {
      each.setAttribute('aria-pressed', String(i === chosen));
      drawMap(each.querySelector('canvas')!, part(maps!, i), text, false);
    });
    if (n === 0) return;
    const last = Array.from(map.subarray((n - 1) * n));
    const order = last.map((_, i) => i).sort((a, b) => last[b]! - last[a]!);
    const names = order.slice(0, 3).map((i) => {
      const back = n - 1 - i;
      const where = back === 0 ? 'itself' : `${back} back`;
      return `“${visible(text[i]!)}” (${where}) ${Math.round(100 * last[i]!)} %`;
    });
    const [layer, head] = [Math.floor(chosen / maps.heads) + 1, (chosen % maps.heads) + 1];
    const said = `Block ${layer}, head ${head}: the last character looks at ${names.join(', ')}.`;
    words.textContent = said;
    large.setAttribute('aria-label', said);
  };
  onTheme(draw, signal);
  return {
    element: el('div', { class: 'stack' }, words, large, heads),
    show(next) {
      maps = next;
      const count = next.layers * next.heads;
      if (buttons.length !== count) {
        chosen = 0;
        buttons = Array.from({ length: count }, (_, i) => {
          const label = `Block ${Math.floor(i / next.heads) + 1}, head ${(i % next.heads) + 1}`;
          return el(
            'button',
            {
              type: 'button',
              class: 'head',
              title: label,
              'aria-label': label,
              onclick: () => {
                chosen = i;
                draw();
              },
            },
            el('canvas', { width: 96, height: 96 }),
          );
        });
        heads.style.gridTemplateColumns = `repeat(${next.heads}, 1fr)`;
        heads.replaceChildren(...buttons);
      }
      large.hidden = false;
      draw();
    },
  };
}

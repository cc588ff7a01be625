/** Feature maps, one canvas a stage. */
import type { Maps } from './views.ts';
import { el } from '../ui/dom.ts';
import { mapView } from '../ui/maps.ts';
import type { MapView } from '../ui/maps.ts';

export class Layers {
  readonly element = el('div', { class: 'layers' });
  readonly #views = new Map<string, MapView>();
  readonly #signal: AbortSignal;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  draw(layers: readonly Maps[]): void {
    if (layers.map(keyOf).join() !== [...this.#views.keys()].join()) this.#build(layers);
    for (const maps of layers) this.#views.get(keyOf(maps))!.draw(maps);
  }

  #build(layers: readonly Maps[]): void {
    this.#views.clear();
    const rows = layers.map((maps) => {
      const { name, count, height, width } = maps;
      const view = mapView({
        palette: 'heat',
        size: height > 1 ? 64 : 18,
        describe: strongest,
        signal: this.#signal,
      });
      this.#views.set(keyOf(maps), view);
      const size = height > 1 ? `${count} maps of ${height} × ${width}` : `${count} values`;
      return el(
        'div',
        { class: 'layer' },
        el('h3', {}, `${name} `, el('span', { class: 'quiet' }, size)),
        view.element,
      );
    });
    this.element.replaceChildren(...rows);
  }

  clear(): void {
    for (const view of this.#views.values()) view.clear();
  }
}

const keyOf = ({ name, count, height }: Maps): string => `${name} ${count} ${height}`;

/** Which features answer most, for people who do not see the tiles. */
function strongest({ name, count, height, width, data }: Maps): string {
  const area = height * width;
  const sums = Array.from({ length: count }, (_, k) =>
    data.subarray(k * area, (k + 1) * area).reduce((sum, value) => sum + Math.max(0, value), 0),
  );
  const order = sums.map((_, k) => k).sort((a, b) => sums[b]! - sums[a]!);
  const best = order.slice(0, 3).map((k) => k + 1);
  return `${name}: ${count} features; the strongest are ${best.join(', ')}`;
}

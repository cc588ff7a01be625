/** Test images with what the network says about each; one of them is chosen to look at. */
import { el } from '../../ui/dom.ts';
import { mapView } from '../../ui/maps.ts';
import type { MapView } from '../../ui/maps.ts';
import type { View } from './session.ts';

interface Tile {
  readonly element: HTMLButtonElement;
  readonly picture: MapView;
  readonly said: HTMLElement;
}

export class Samples {
  readonly element = el('div', {
    class: 'test-images',
    role: 'group',
    'aria-label': 'Test images',
  });
  readonly #choose: (index: number) => void;
  readonly #signal: AbortSignal;
  #tiles: readonly Tile[] = [];
  #drawn: readonly number[] = [];
  #chosen = 0;

  constructor(choose: (index: number) => void, signal: AbortSignal) {
    this.#choose = choose;
    this.#signal = signal;
  }

  draw({ samples, wanted, given, confidence }: View): void {
    if (this.#tiles.length !== samples.count) this.#build(samples.count);
    // The images stay while the data do.
    if (wanted.join() !== this.#drawn.join()) {
      this.#drawn = wanted;
      this.#tiles.forEach(({ picture }, i) =>
        picture.draw({
          ...samples,
          name: '',
          count: 1,
          data: samples.data.subarray(784 * i, 784 * (i + 1)),
        }),
      );
    }
    this.#tiles.forEach(({ element, said }, i) => {
      const right = given[i] === wanted[i];
      said.textContent = `${right ? '' : '✗ '}${given[i]}`;
      element.classList.toggle('wrong', !right);
      const percent = Math.round(100 * confidence[i]!);
      const name = `A ${wanted[i]}, read as ${given[i]}, ${percent} % sure`;
      element.setAttribute('aria-label', name);
      element.title = name;
    });
  }

  #build(count: number): void {
    this.#drawn = [];
    this.#chosen = 0;
    this.#tiles = Array.from({ length: count }, (_, i) => {
      const picture = mapView({ palette: 'ink', size: 44, columns: 1, signal: this.#signal });
      const said = el('span', {});
      const element = el(
        'button',
        { type: 'button', class: 'tile', 'aria-pressed': i === 0 ? 'true' : 'false' },
        el('span', { class: 'tile-picture', 'aria-hidden': 'true' }, picture.element),
        said,
      );
      element.addEventListener('click', () => this.#press(i));
      return { element, picture, said };
    });
    this.element.replaceChildren(...this.#tiles.map(({ element }) => element));
  }

  #press(index: number): void {
    this.#tiles[this.#chosen]?.element.setAttribute('aria-pressed', 'false');
    this.#chosen = index;
    this.#tiles[index]?.element.setAttribute('aria-pressed', 'true');
    this.#choose(index);
  }
}

/** Shares of ten digits, or of other classes, as bars. */
import { el } from './dom.ts';

export interface Bars {
  readonly element: HTMLElement;
  /** Shares from 0 to 1; without, all are empty. With names, the bars are called so from now on. */
  set(shares?: ArrayLike<number>, names?: readonly string[]): void;
}

export function bars(label: string, names: readonly string[]): Bars {
  const rows = names.map((name) => {
    const fill = el('span', { class: 'bar-fill' });
    const text = el('span', { class: 'bar-text' }, '–');
    const row = el(
      'li',
      { class: 'bar' },
      el('span', { class: 'bar-name' }, name),
      ' ',
      el('span', { class: 'bar-track', 'aria-hidden': 'true' }, fill),
      ' ',
      text,
    );
    return { row, fill, text, name: row.querySelector('.bar-name')! };
  });
  return {
    element: el(
      'ol',
      { class: 'bars', 'aria-label': label },
      rows.map(({ row }) => row),
    ),
    set(shares, others) {
      const best =
        shares === undefined ? -1 : Array.from(shares).indexOf(Math.max(...Array.from(shares)));
      rows.forEach(({ row, fill, text, name }, i) => {
        if (others !== undefined) name.textContent = others[i] ?? '';
        const share = shares?.[i] ?? 0;
        fill.style.transform = `scaleX(${share})`;
        text.textContent =
          shares === undefined ? '–' : `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`;
        row.classList.toggle('best', i === best);
      });
    },
  };
}

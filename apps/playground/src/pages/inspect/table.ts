/** Tables of any length: so many rows at first, more on demand, so that the page never waits for them. */
import { button } from '../../ui/controls.ts';
import { el } from '../../ui/dom.ts';
import type { Child } from '../../ui/dom.ts';
import { rowsAtOnce } from './settings.ts';

export interface TableOptions<Row> {
  readonly caption: string;
  readonly head: readonly string[];
  readonly rows: readonly Row[];
  readonly cells: (row: Row) => readonly Child[];
  /** Columns of numbers. */
  readonly right?: readonly number[];
}

export function table<Row>({
  caption,
  head,
  rows,
  cells,
  right = [],
}: TableOptions<Row>): HTMLElement {
  const body = el('tbody');
  const side = (i: number): string | undefined => (right.includes(i) ? 'right' : undefined);
  let shown = 0;
  const more = button('', () => show(), { kind: 'quiet' });
  const show = (): void => {
    const next = rows.slice(shown, shown + rowsAtOnce);
    body.append(
      ...next.map((row) =>
        el(
          'tr',
          {},
          cells(row).map((cell, i) => el('td', { class: side(i) }, cell)),
        ),
      ),
    );
    shown += next.length;
    more.hidden = shown >= rows.length;
    more.textContent = `Show more: ${(rows.length - shown).toLocaleString('en')} are left`;
  };
  show();
  return el(
    'div',
    { class: 'table-scroll', tabindex: 0, role: 'region', 'aria-label': caption },
    el(
      'table',
      {},
      el('caption', { class: 'visually-hidden' }, caption),
      el(
        'thead',
        {},
        el(
          'tr',
          {},
          head.map((name, i) => el('th', { scope: 'col', class: side(i) }, name)),
        ),
      ),
      body,
    ),
    more,
  );
}

/** Labelled controls. Every one works by keyboard and says what it is to a screen reader. */
import { el, uniqueId } from './dom.ts';
import type { Attributes, Child } from './dom.ts';

/** A button; `kind: 'primary'` for the one thing that a page is about. */
export function button(
  label: string,
  press: () => void,
  { kind = 'plain', ...more }: Attributes & { readonly kind?: 'plain' | 'primary' | 'quiet' } = {},
): HTMLButtonElement {
  return el('button', { type: 'button', ...more, class: `button ${kind}`, onclick: press }, label);
}

export interface Field<T> {
  /** What goes into the page: label and control. */
  readonly element: HTMLElement;
  readonly value: T;
  /** Sets without calling `change`. */
  set(value: T): void;
}

export interface SliderOptions {
  readonly min: number;
  readonly max: number;
  readonly step?: number | 'any';
  readonly value: number;
  /** How the value is written beside the label and read aloud. */
  readonly format?: (value: number) => string;
  /** Equal ways are equal factors: for learning rates. `min` must be positive. */
  readonly logarithmic?: boolean;
  readonly change?: (value: number) => void;
}

/** A slider with its value beside the label. */
export function slider(
  label: string,
  { min, max, step, value, format = String, logarithmic = false, change }: SliderOptions,
): Field<number> {
  const id = uniqueId('slider');
  const inside = logarithmic ? Math.log10 : (x: number): number => x;
  const outside = logarithmic
    ? (x: number): number => Number((10 ** x).toPrecision(2))
    : (x: number): number => x;
  const input = el('input', {
    id,
    type: 'range',
    min: inside(min),
    max: inside(max),
    step: step ?? (logarithmic ? 0.05 : 1),
    value: inside(value),
  });
  const output = el('output', { for: id });
  const show = (x: number): void => {
    output.textContent = format(x);
    input.setAttribute('aria-valuetext', format(x));
  };
  input.addEventListener('input', () => {
    show(outside(Number(input.value)));
    change?.(outside(Number(input.value)));
  });
  show(value);
  return {
    element: el('div', { class: 'field' }, el('label', { for: id }, label, ' ', output), input),
    get value() {
      return outside(Number(input.value));
    },
    set(next) {
      input.value = String(inside(next));
      show(next);
    },
  };
}

/** One of several, as a drop-down list. */
export function select<T extends string>(
  label: string,
  options: readonly (readonly [value: T, text: string])[],
  value: T,
  change?: (value: T) => void,
): Field<T> {
  const id = uniqueId('select');
  const input = el(
    'select',
    { id },
    options.map(([key, text]) => el('option', { value: key }, text)),
  );
  input.value = value;
  input.addEventListener('change', () => change?.(input.value as T));
  return {
    element: el('div', { class: 'field' }, el('label', { for: id }, label), input),
    get value() {
      return input.value as T;
    },
    set(next) {
      input.value = next;
    },
  };
}

/** A check box. */
export function toggle(
  label: string,
  value: boolean,
  change?: (value: boolean) => void,
): Field<boolean> {
  const input = el('input', { type: 'checkbox', checked: value });
  input.addEventListener('change', () => change?.(input.checked));
  return {
    element: el('label', { class: 'check' }, input, ' ', label),
    get value() {
      return input.checked;
    },
    set(next) {
      input.checked = next;
    },
  };
}

/** A number beside its name; `set` changes the text without reading it aloud. */
export function readout(name: string): { element: HTMLElement; set(text: string): void } {
  const value = el('dd', {}, '–');
  return {
    element: el('div', { class: 'readout' }, el('dt', {}, name), value),
    set: (text) => {
      if (value.textContent !== text) value.textContent = text;
    },
  };
}

/** Readouts side by side. */
export const readoutList = (numbers: Readonly<Record<string, { element: HTMLElement }>>) =>
  el(
    'dl',
    { class: 'readouts' },
    Object.values(numbers).map(({ element }) => element),
  );

/** A card with a heading. */
export function panel(
  title: string,
  attributes: Attributes,
  ...children: readonly Child[]
): HTMLElement {
  const id = uniqueId('panel');
  return el(
    'section',
    { ...attributes, class: `panel ${attributes.class ?? ''}`.trim(), 'aria-labelledby': id },
    el('h2', { id }, title),
    children,
  );
}

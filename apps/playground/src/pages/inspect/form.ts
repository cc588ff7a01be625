/** What goes into a run: shape and values of each input. */
import type { ValueType } from '@hebb/onnx';
import { select } from '../../ui/controls.ts';
import type { Field } from '../../ui/controls.ts';
import { el, uniqueId } from '../../ui/dom.ts';
import type { Fill, InputChoice, ModelInfo } from './settings.ts';

/** Sizes that open axes start with. */
const startSize = (dim: string | null): number =>
  dim !== null && /time|seq|len/i.test(dim) ? 8 : 1;

interface Row {
  readonly element: HTMLElement;
  choice(): InputChoice;
}

function row(type: ValueType): Row {
  const { name, kind, dtype, shape } = type;
  const dims = shape ?? [];
  const boxes = dims.map((dim, i) => {
    const fixed = typeof dim === 'number';
    const input = el('input', {
      type: 'number',
      min: 0,
      step: 1,
      value: fixed ? dim : startSize(dim),
      disabled: fixed,
      'aria-label': `Size of axis ${i + 1} of ${name}${typeof dim === 'string' ? `, ${dim}` : ''}`,
      title: typeof dim === 'string' ? dim : undefined,
    });
    return input;
  });
  // Where even the number of axes is open, they are written in a line.
  const free = el('input', {
    type: 'text',
    value: '1',
    'aria-label': `Shape of ${name}, such as 1, 3, 8, 8`,
  });
  const id = uniqueId('numbers');
  const text = el('textarea', { id, rows: 3, spellcheck: false, placeholder: '0.5, 1, 2 …' });
  const own = el(
    'div',
    { class: 'field', hidden: true },
    el('label', { for: id }, `Values of ${name}`),
    text,
  );
  const fill: Field<Fill> = select<Fill>(
    `Fill ${name} with`,
    [
      ['normal', 'Normal noise'],
      ['uniform', 'Uniform noise, 0 to 1 (whole: 0 to 9)'],
      ['zeros', 'Zeros'],
      ['ones', 'Ones'],
      ['counting', '0, 1, 2 …'],
      ['own', 'Values of my own'],
    ],
    dtype !== undefined && /int|bool/.test(dtype) ? 'ones' : 'normal',
    (value) => (own.hidden = value !== 'own'),
  );
  return {
    element: el(
      'fieldset',
      { class: 'input' },
      el(
        'legend',
        {},
        el('strong', {}, name),
        ' ',
        el('span', { class: 'quiet' }, kind === 'tensor' ? (dtype ?? '?') : kind),
      ),
      el(
        'div',
        { class: 'dims' },
        shape === undefined ? free : boxes.flatMap((box, i) => (i === 0 ? [box] : ['×', box])),
      ),
      fill.element,
      own,
    ),
    choice: () => ({
      name,
      shape:
        shape === undefined
          ? free.value
              .split(/[\s,×x]+/)
              .filter(Boolean)
              .map(Number)
          : boxes.map((box) => Number(box.value)),
      fill: fill.value,
      ...(fill.value === 'own' ? { text: text.value } : {}),
    }),
  };
}

export interface InputForm {
  readonly element: HTMLElement;
  open(info: ModelInfo): void;
  /** @throws RangeError for sizes that are none. */
  choices(): InputChoice[];
}

export function inputForm(): InputForm {
  const element = el('div', { class: 'inputs-form' });
  let rows: Row[] = [];
  return {
    element,
    open({ inputs }) {
      rows = inputs.map(row);
      element.replaceChildren(...rows.map((each) => each.element));
      if (rows.length === 0)
        element.append(el('p', { class: 'quiet' }, 'This model takes no inputs.'));
    },
    choices: () =>
      rows.map((each) => {
        const choice = each.choice();
        if (choice.shape.some((dim) => !Number.isInteger(dim) || dim < 0)) {
          throw new RangeError(`Sizes of ${choice.name} are whole numbers, 0 or more.`);
        }
        return choice;
      }),
  };
}

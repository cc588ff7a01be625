/** The sheet that is typed on: its beginning, and the pace at which characters come. */
import type { Services } from '../../page.ts';
import { button, slider } from '../../ui/controls.ts';
import { el, uniqueId } from '../../ui/dom.ts';
import type { WriteOptions, Written } from './settings.ts';

export interface TypistOptions {
  readonly services: Services;
  readonly begin: (options: WriteOptions) => Promise<void>;
  readonly next: (count: number) => Promise<readonly Written[]>;
  /** After each bunch of characters, with its last. */
  readonly wrote: (last: Written) => void;
  /** Nothing more comes; the whole text. */
  readonly stopped: (text: string) => Promise<void>;
}

export interface Typist {
  readonly element: HTMLElement;
  readonly settings: readonly HTMLElement[];
  /** Fills the beginning, unless somebody has written one. */
  suggest(prompt: string): void;
  enable(enabled: boolean): void;
  stop(): Promise<void>;
}

/** A page is no novel. */
const mostCharacters = 4000;

export function typist({ services, begin, next, wrote, stopped }: TypistOptions): Typist {
  const { signal, attempt, say } = services;
  const temperature = slider('Temperature', {
    min: 0,
    max: 2,
    step: 0.05,
    value: 0.8,
    format: (x) => (x === 0 ? '0: the likeliest' : x.toFixed(2)),
  });
  const topK = slider('Only the likeliest (top-k)', {
    min: 1,
    max: 40,
    value: 40,
    format: (x) => (x === 40 ? 'all' : String(x)),
  });
  const pace = slider('Characters a second', {
    min: 5,
    max: 200,
    step: 5,
    value: 40,
    format: (x) => (x === 200 ? 'fastest' : String(x)),
  });
  const id = uniqueId('prompt');
  const prompt = el('textarea', { id, rows: 2, spellcheck: false });
  let touched = false;
  prompt.addEventListener('input', () => (touched = true));
  const sheet = el('div', {
    class: 'sheet',
    tabindex: 0,
    role: 'region',
    'aria-label': 'Written text',
  });
  const given = el('span', { class: 'given' });
  const written = el('span');
  const caret = el('span', { class: 'caret', 'aria-hidden': 'true' });
  sheet.append(given, written, caret);
  const write = button('Write', () => void attempt(start), { kind: 'primary' });
  const halt = button('Stop', () => void stop());
  let running: Promise<void> | undefined;
  let wanted = false;
  let seed = 0;

  const show = (enabled: boolean): void => {
    write.disabled = !enabled || wanted;
    halt.disabled = !wanted;
    sheet.classList.toggle('writing', wanted);
  };
  let enabled = false;

  async function start(): Promise<void> {
    if (wanted) return;
    await running;
    seed += 1;
    const k = topK.value;
    await begin({
      prompt: prompt.value,
      temperature: temperature.value,
      seed,
      ...(k === 40 ? {} : { topK: k }),
    });
    wanted = true;
    given.textContent = prompt.value;
    written.textContent = '';
    show(enabled);
    say('Writing.');
    running = type();
    await running;
  }

  /** Asks for as many characters as are due since the last time. */
  async function type(): Promise<void> {
    let [count, last] = [0, performance.now()];
    let due = 1;
    try {
      while (wanted && !signal.aborted && count < mostCharacters) {
        const fast = pace.value === 200;
        if (due >= 1) {
          const made = await next(fast ? 8 : Math.min(8, Math.floor(due)));
          if (made.length === 0 || !wanted) break;
          due = Math.min(8, due - made.length);
          count += made.length;
          written.append(made.map(({ text }) => text).join(''));
          // Follows the text, unless somebody reads further up.
          const below = sheet.scrollHeight - sheet.scrollTop - sheet.clientHeight;
          if (below < 60) sheet.scrollTop = sheet.scrollHeight;
          wrote(made.at(-1)!);
        }
        await new Promise((resolve) => setTimeout(resolve, fast ? 0 : 12));
        const now = performance.now();
        due = fast ? 8 : due + ((now - last) * pace.value) / 1000;
        last = now;
      }
    } finally {
      wanted = false;
      show(enabled);
    }
    if (signal.aborted) return;
    say(`Stopped after ${count} characters.`);
    await stopped(`${given.textContent}${written.textContent}`);
  }

  async function stop(): Promise<void> {
    wanted = false;
    await running?.catch(() => undefined);
  }

  show(false);
  return {
    settings: [temperature.element, topK.element, pace.element],
    element: el(
      'div',
      { class: 'stack' },
      el('div', { class: 'field' }, el('label', { for: id }, 'It begins with'), prompt),
      el('div', { class: 'row' }, write, halt),
      sheet,
    ),
    suggest(text) {
      if (!touched) prompt.value = text;
    },
    enable(next) {
      enabled = next;
      if (!next) wanted = false;
      show(next);
    },
    stop,
  };
}

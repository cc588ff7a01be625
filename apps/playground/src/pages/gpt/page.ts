import type { Remote } from 'comlink';
import type { Services } from '../../page.ts';
import { bars } from '../../ui/bars.ts';
import { chart } from '../../ui/chart.ts';
import { panel, readout, readoutList, select, slider } from '../../ui/controls.ts';
import { el, uniqueId } from '../../ui/dom.ts';
import { playback } from '../../ui/playback.ts';
import type { Api } from '../../worker/works.ts';
import { attentionPanel } from './attention-panel.ts';
import { visible } from './heat.ts';
import { typist } from './typist.ts';
import type { ModelNews, SizeName } from './settings.ts';
import { sums } from './texts.ts';
import './gpt.css';

export const title = 'A transformer that types';

const choiceCount = 8;

export function mount(root: HTMLElement, services: Services): void {
  const { signal, attempt } = services;
  let api: Remote<Api<'gpt'>> | undefined;
  let news: ModelNews | undefined;
  let seed = 1;

  // --- the model: one that is there, or one that learns ---

  const kind = select<'plays' | 'own'>(
    'Model',
    [
      ['plays', 'Shakespeare, ready-made'],
      ['own', 'New, from your own text'],
    ],
    'plays',
    () => void attempt(open),
  );
  const about = el('p', { class: 'small quiet' });
  const textId = uniqueId('text');
  const ownText = el('textarea', { id: textId, rows: 7, spellcheck: false });
  ownText.value = sums(400);
  ownText.addEventListener('change', () => void attempt(open));
  const size = select<SizeName>(
    'Size',
    [
      ['small', 'Small: 2 blocks of 48'],
      ['medium', 'Medium: 3 blocks of 96'],
    ],
    'small',
    () => void attempt(open),
  );
  const lr = slider('Learning rate', {
    min: 0.0001,
    max: 0.03,
    value: 0.005,
    logarithmic: true,
    change: (value) => void attempt(async () => api?.rate(value)),
  });
  const curve = chart({
    label: 'Loss, nats a character',
    series: [{ name: 'training' }, { name: 'held out' }],
    x: 'step',
    height: 150,
    signal,
  });
  const numbers = { steps: readout('Steps'), loss: readout('Loss'), held: readout('Held out') };
  const learning = playback({
    what: 'learning',
    signal,
    fail: services.fail,
    async turn() {
      const next = await api?.learn(5);
      if (next === undefined || signal.aborted) return;
      numbers.steps.set(next.steps.toLocaleString('en'));
      numbers.loss.set(next.loss.toFixed(3));
      numbers.held.set(next.heldOut.toFixed(3));
      curve.push(next.steps, [next.loss, next.heldOut]);
    },
    async reset() {
      seed += 1;
      await open();
    },
  });
  const own = el(
    'div',
    { class: 'stack', hidden: true },
    el('div', { class: 'field' }, el('label', { for: textId }, 'Text to learn from'), ownText),
    size.element,
    lr.element,
    learning.element,
    readoutList(numbers),
    curve.element,
  );

  async function open(): Promise<void> {
    const mine = kind.value === 'own';
    own.hidden = !mine;
    await pen.stop();
    learning.pause();
    curve.clear();
    for (const each of Object.values(numbers)) each.set('–');
    if (api === undefined) return;
    pen.enable(false);
    learning.enable(false);
    news = undefined;
    const made = mine
      ? await api.build({ text: ownText.value, size: size.value, lr: lr.value, seed })
      : await api.load(new URL('models/gpt.safetensors', document.baseURI).href);
    if (signal.aborted) return;
    news = made;
    about.textContent =
      `${made.parameters.toLocaleString('en')} parameters in ${made.layers} blocks of ${made.heads} heads. ` +
      `It knows ${made.characters.length} characters and sees ${made.contextLength} back.`;
    pen.suggest(mine ? (ownText.value.split('\n')[0] ?? '').slice(0, 12) : 'ROMEO:\n');
    learning.enable(mine);
    pen.enable(true);
  }

  // --- writing ---

  const choices = bars(
    'Likeliest next characters',
    Array.from({ length: choiceCount }, () => ''),
  );
  const attention = attentionPanel(signal);
  const pen = typist({
    services,
    begin: async (options) => {
      if (api === undefined || news === undefined) throw new Error('The model is not there yet.');
      await api.begin(options);
    },
    next: async (count) => (await api?.next(count)) ?? [],
    wrote(last) {
      const shares = last.choices.map(({ probability }) => probability);
      choices.set(
        Array.from({ length: choiceCount }, (_, i) => shares[i] ?? 0),
        last.choices.map(({ text }) => visible(text)),
      );
    },
    async stopped(text) {
      if (api !== undefined && !signal.aborted) attention.show(await api.attention(text));
    },
  });

  root.append(
    el(
      'div',
      { class: 'grid gpt' },
      el(
        'div',
        { class: 'stack' },
        panel('Model', {}, el('div', { class: 'stack' }, kind.element, about, own)),
        panel('How it chooses', {}, el('div', { class: 'stack' }, pen.settings)),
      ),
      panel('Text', { class: 'text' }, pen.element),
      el(
        'div',
        { class: 'stack' },
        panel('Next character', {}, choices.element),
        panel('Attention', {}, attention.element),
      ),
    ),
  );
  services.work('gpt', {
    async ready(fresh) {
      api = fresh;
      await open();
    },
    gone() {
      api = undefined;
      news = undefined;
      pen.enable(false);
      learning.enable(false);
    },
  });
}

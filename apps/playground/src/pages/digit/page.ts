/** Draw a digit: the network reads while you draw, and each layer shows what it sees. */
import type { Remote } from 'comlink';
import { digits } from '@hebb/data';
import { centred } from '../../digits/centre.ts';
import { keptNetwork } from '../../digits/kept.ts';
import { Layers } from '../../digits/layers.ts';
import type { Services } from '../../page.ts';
import { bars } from '../../ui/bars.ts';
import { button, panel, select, slider } from '../../ui/controls.ts';
import { el } from '../../ui/dom.ts';
import { filePicker } from '../../ui/files.ts';
import { mapView } from '../../ui/maps.ts';
import type { Api } from '../../worker/works.ts';
import './page.css';
import { Pad, padSide } from './pad.ts';
import { inkOf } from './picture.ts';
import type { Reading } from './work.ts';

export const title = 'Draw a digit';

const names = Array.from({ length: 10 }, (_, i) => String(i));
const shipped = new URL('./models/digits.safetensors', document.baseURI);

/** Reads a digit aloud once the hand rests. */
const restMs = 700;

export function mount(root: HTMLElement, services: Services): void {
  const { signal } = services;
  let stale = false;
  /** Who asks at the moment; a worker that went takes its question along. */
  let reading: symbol | undefined;
  let rest: ReturnType<typeof setTimeout> | undefined;
  let samples = 0;

  const pad = new Pad({ changed: () => changed(), say: services.say, signal });
  const answer = el('p', { class: 'answer', 'aria-hidden': 'true' }, '?');
  const sure = el('p', { class: 'quiet small' }, 'Draw, or take a sample.');
  const shares = bars('Probability of each digit', names);
  const seen = mapView({
    palette: 'ink',
    size: 84,
    columns: 1,
    describe: () => 'What the network is given, 28 × 28 pixels',
    signal,
  });
  const weights = mapView({
    palette: 'signed',
    each: true,
    size: 40,
    describe: ({ count, height, width }) => `${count} kernels of ${height} × ${width}`,
    signal,
  });
  const layers = new Layers(signal);
  const facts = el('p', { class: 'quiet small' });

  const work = services.work('digit', {
    ready: async (api) => {
      await load(api);
      changed();
    },
    // What was asked is never answered.
    gone: () => void (reading = undefined),
  });

  async function load(api: Remote<Api<'digit'>>): Promise<void> {
    const own = chooseNetwork.value === 'own' ? keptNetwork() : undefined;
    const bytes = own?.bytes ?? (await download());
    const { parameters, weights: first } = await api.load(bytes);
    weights.draw(first);
    facts.textContent = `${parameters.toLocaleString('en')} parameters. ${
      own === undefined ? 'Trained on MNIST and on drawn digits with Hebb.' : own.name
    }`;
  }

  const chooseNetwork = select<'shipped' | 'own'>(
    'Network',
    keptNetwork() === undefined
      ? [['shipped', 'Comes with the page']]
      : [
          ['own', 'The one you trained'],
          ['shipped', 'Comes with the page'],
        ],
    keptNetwork() === undefined ? 'shipped' : 'own',
    () =>
      void services.attempt(async () => {
        if (work.api === undefined) return;
        await load(work.api);
        changed();
      }),
  );

  /** One question at a time; what is drawn meanwhile is asked next. */
  function changed(): void {
    stale = true;
    if (reading === undefined) void services.attempt(read);
  }

  async function read(): Promise<void> {
    const own = (reading = Symbol('reading'));
    try {
      while (stale && work.api !== undefined && reading === own) {
        stale = false;
        const pixels = centred(pad.ink, padSide, padSide);
        if (pixels === undefined) showNothing();
        else show(await work.api.read(pixels), pixels);
      }
    } finally {
      if (reading === own) reading = undefined;
    }
  }

  function show(
    { probabilities, layers: values, milliseconds }: Reading,
    pixels: Float32Array,
  ): void {
    const best = probabilities.indexOf(Math.max(...probabilities));
    const percent = `${(100 * probabilities[best]!).toFixed(0)} %`;
    answer.textContent = String(best);
    sure.textContent = `${percent} sure, in ${milliseconds.toFixed(1)} ms`;
    shares.set(probabilities);
    seen.draw({ name: 'Input', count: 1, height: 28, width: 28, data: pixels });
    layers.draw(values);
    clearTimeout(rest);
    rest = setTimeout(() => services.say(`The network reads a ${best}, ${percent} sure.`), restMs);
  }

  function showNothing(): void {
    answer.textContent = '?';
    sure.textContent = 'Draw, or take a sample.';
    shares.set();
    seen.clear();
    layers.clear();
    clearTimeout(rest);
  }

  const tool = el('button', { type: 'button', class: 'button', 'aria-pressed': 'false' }, 'Eraser');
  const showTool = (): void => tool.setAttribute('aria-pressed', String(pad.tool === 'eraser'));
  tool.addEventListener('click', () => {
    pad.tool = pad.tool === 'pen' ? 'eraser' : 'pen';
    showTool();
  });
  pad.element.addEventListener('tool', showTool);

  /** Another one at each press. */
  function takeSample(digit: number): void {
    samples += 1;
    const set = digits({ count: 10, seed: 100 + samples, size: padSide });
    for (let i = 0; i < set.length; i++) {
      const { image, label } = set.get(i);
      if (Number(label.data[0]) === digit) pad.ink = Uint8Array.from(image.data as Uint8Array);
    }
  }

  // Something to see at once; the first stroke takes its place.
  takeSample(3);
  pad.placeholder = true;

  const openPicture = (file: File): Promise<void> =>
    services.attempt(async () => {
      const ink = await inkOf(file, padSide);
      pad.ink = ink;
      services.say(
        ink.some((value) => value > 0)
          ? `${file.name} is on the pad.`
          : `${file.name} is of one colour: there is no digit to see.`,
      );
    });
  addEventListener(
    'paste',
    (event) => {
      const file = [...(event.clipboardData?.files ?? [])][0];
      if (file !== undefined) void openPicture(file);
    },
    { signal },
  );

  root.append(
    el(
      'div',
      { class: 'grid digit-top' },
      panel(
        'Your drawing',
        {},
        pad.element,
        el(
          'div',
          { class: 'row' },
          button('Clear', () => pad.clear()),
          tool,
          filePicker('Open a picture', {
            accept: 'image/*',
            take: ([file]) => void openPicture(file!),
            signal,
          }),
        ),
        slider('Pen', {
          min: 10,
          max: 40,
          value: pad.width,
          change: (width) => (pad.width = width),
        }).element,
        el(
          'div',
          { class: 'samples', role: 'group', 'aria-label': 'Take a sample' },
          el('span', { class: 'quiet small' }, 'Samples'),
          names.map((name, digit) =>
            button(name, () => takeSample(digit), { 'aria-label': `Sample of a ${name}` }),
          ),
        ),
      ),
      panel(
        'What the network reads',
        {},
        el(
          'div',
          { class: 'reading' },
          answer,
          el('div', { class: 'stack' }, sure, el('div', { class: 'seen' }, seen.element)),
        ),
        shares.element,
        el('div', { class: 'row network-row' }, chooseNetwork.element, facts),
      ),
    ),
    panel(
      'What each layer sees',
      { class: 'layers-panel' },
      el(
        'p',
        { class: 'quiet small' },
        'Every tile is one feature: bright where the layer found what it looks for. Kernels come first: violet adds, orange takes away.',
      ),
      el('div', { class: 'layer' }, el('h3', {}, 'Kernels of the first layer'), weights.element),
      layers.element,
    ),
  );

  async function download(): Promise<Uint8Array> {
    const response = await fetch(shipped, { signal });
    if (!response.ok) {
      throw new Error(
        `The weights of the network could not be loaded (${response.status}). Reload the page.`,
      );
    }
    return new Uint8Array(await response.arrayBuffer());
  }
}

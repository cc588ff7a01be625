import type { Remote } from 'comlink';
import type { Services } from '../../page.ts';
import { chart } from '../../ui/chart.ts';
import { button, panel, readout, readoutList, select, slider, toggle } from '../../ui/controls.ts';
import { el } from '../../ui/dom.ts';
import { playback } from '../../ui/playback.ts';
import type { Api } from '../../worker/works.ts';
import { datasets, makePoints } from './data.ts';
import type { DatasetName, Point } from './data.ts';
import { diagram } from './diagram.ts';
import { mostPoints, resolution } from './settings.ts';
import type { ActivationName, Feature, Rates, ToyFrame } from './settings.ts';
import { plane } from './plane.ts';
import './toy.css';

export const title = 'A network in the plane';

const percent = (share: number): string =>
  Number.isNaN(share) ? '–' : `${(100 * share).toFixed(share < 1 && share > 0.995 ? 1 : 0)} %`;
const short = (value: number): string => (Number.isNaN(value) ? '–' : value.toFixed(3));

export function mount(root: HTMLElement, services: Services): void {
  const { signal, attempt } = services;
  let api: Remote<Api<'toy'>> | undefined;
  let layers = [4, 3];
  let inputs: Feature[] = ['x', 'y'];
  let seed = 1;
  let own: Point[] | undefined;
  let [train, test]: Point[][] = [[], []];

  // --- data ---

  const dataset = select<DatasetName | 'own'>(
    'Data set',
    [...datasets.map((name) => [name, names[name]] as const), ['own', 'Own points']],
    'circles',
    (name) => {
      own = name === 'own' ? [] : undefined;
      renew();
    },
  );
  const noise = slider('Noise', {
    min: 0,
    max: 50,
    step: 5,
    value: 10,
    format: (x) => `${x} %`,
    change: renew,
  });
  const count = slider('Points', { min: 20, max: mostPoints, step: 20, value: 200, change: renew });
  const share = slider('To learn from', {
    min: 10,
    max: 90,
    step: 10,
    value: 50,
    format: (x) => `${x} %`,
    change: renew,
  });
  const kind = select<'0' | '1'>(
    'A click adds',
    [
      ['1', 'Positive (blue)'],
      ['0', 'Negative (orange)'],
    ],
    '1',
  );
  const showTest = toggle('Show test points', false, () =>
    view.points(train!, showTest.value ? test! : []),
  );

  function points(): void {
    const all =
      own ??
      makePoints(dataset.value as DatasetName, {
        count: count.value,
        noise: noise.value / 100,
        seed,
      });
    const cut = own === undefined ? Math.round((all.length * share.value) / 200) * 2 : all.length;
    [train, test] = [all.slice(0, cut), all.slice(cut)];
    view.points(train, showTest.value ? test : []);
  }
  function renew(): void {
    points();
    for (const each of [noise, count, share]) {
      each.element.querySelector('input')!.disabled = own !== undefined;
    }
    void attempt(async () => show(await api?.data(train!, test!)));
  }
  const view = plane({
    signal,
    add(x, y) {
      if (own === undefined) {
        own = [...train!];
        dataset.set('own');
      }
      if (own.length >= mostPoints) {
        services.say(`There is room for ${mostPoints} points.`);
        return;
      }
      own.push({ x, y, kind: kind.value === '1' ? 1 : 0 });
      services.say(
        `A ${kind.value === '1' ? 'positive' : 'negative'} point: ${own.length} in all.`,
      );
      renew();
    },
  });

  // --- network ---

  const net = diagram({
    signal,
    change(next) {
      ({ layers, features: inputs } = next);
      services.say(
        `${next.layers.length} hidden layers: ${next.layers.join(', ') || 'none'}. The network starts over.`,
      );
      void attempt(build);
    },
  });
  const activation = select<ActivationName>(
    'Activation',
    [
      ['tanh', 'Tanh'],
      ['relu', 'ReLU'],
      ['leaky', 'Leaky ReLU'],
      ['sigmoid', 'Sigmoid'],
      ['linear', 'Linear'],
    ],
    'tanh',
    () => void attempt(build),
  );
  const optimizer = select<'adam' | 'sgd'>(
    'Optimizer',
    [
      ['adam', 'Adam'],
      ['sgd', 'SGD'],
    ],
    'adam',
    () => void attempt(build),
  );

  // --- training ---

  const sendRates = (): void => void attempt(async () => api?.rates(rates()));
  const lr = slider('Learning rate', {
    min: 0.0001,
    max: 1,
    value: 0.03,
    logarithmic: true,
    change: sendRates,
  });
  const penalty = select<'none' | 'l1' | 'l2'>(
    'Regularisation',
    [
      ['none', 'None'],
      ['l1', 'L1'],
      ['l2', 'L2'],
    ],
    'none',
    sendRates,
  );
  const weight = slider('Its rate', {
    min: 0.0001,
    max: 0.3,
    value: 0.003,
    logarithmic: true,
    change: sendRates,
  });
  const batch = slider('Batch size', { min: 1, max: 50, value: 10, change: sendRates });
  const speed = slider('Batches a frame', { min: 1, max: 100, value: 10 });
  const rates = (): Rates => ({
    lr: lr.value,
    l1: penalty.value === 'l1' ? weight.value : 0,
    l2: penalty.value === 'l2' ? weight.value : 0,
    batch: batch.value,
  });

  const curve = chart({
    label: 'Loss',
    series: [{ name: 'training' }, { name: 'test' }],
    x: 'batch',
    height: 150,
    signal,
  });
  const numbers = {
    step: readout('Batches'),
    train: readout('Training loss'),
    test: readout('Test loss'),
    accuracy: readout('Test accuracy'),
  };
  let described = 0;
  function show(frame: ToyFrame | undefined): void {
    if (frame === undefined || signal.aborted) return;
    const { step } = frame;
    numbers.step.set(step.toLocaleString('en'));
    numbers.train.set(short(frame.train.loss));
    numbers.test.set(short(frame.test.loss));
    numbers.accuracy.set(percent(frame.test.accuracy));
    view.surface(frame.surface);
    net.draw(frame.units, frame.weights, resolution);
    if (step > 0) curve.push(step, [frame.train.loss, frame.test.loss]);
    if (performance.now() - described > 2000) {
      described = performance.now();
      view.describe(
        `${train!.length} training points. After ${step} batches ${percent(frame.train.accuracy)} of them are on their side of the border, and ${percent(frame.test.accuracy)} of the test points.`,
      );
    }
  }
  async function build(): Promise<void> {
    net.build(layers, inputs);
    curve.clear();
    const architecture = {
      layers,
      features: inputs,
      activation: activation.value,
      optimizer: optimizer.value,
      seed,
    };
    show(await api?.build(architecture, rates(), train!, test!));
  }
  const play = playback({
    what: 'training',
    signal,
    fail: services.fail,
    turn: async () => show(await api?.advance(speed.value)),
    async reset() {
      seed += 1;
      await build();
    },
  });

  root.append(
    el('div', { class: 'row toolbar' }, play.element, readoutList(numbers)),
    el(
      'div',
      { class: 'grid toy' },
      panel(
        'Data',
        { class: 'data' },
        el(
          'div',
          { class: 'stack' },
          dataset.element,
          noise.element,
          count.element,
          share.element,
          kind.element,
          el(
            'div',
            { class: 'row' },
            button('Draw anew', () => {
              seed += 1;
              renew();
            }),
            button('Clear', () => {
              own = [];
              dataset.set('own');
              renew();
            }),
          ),
        ),
      ),
      panel('Network', { class: 'network' }, net.element),
      panel(
        'Decision surface',
        { class: 'surface' },
        view.element,
        el(
          'p',
          { class: 'small quiet hint' },
          'Click, or use arrow keys and Enter, to add points of your own.',
        ),
        showTest.element,
      ),
      panel(
        'Learning',
        { class: 'learning' },
        el(
          'div',
          { class: 'fields' },
          activation.element,
          optimizer.element,
          lr.element,
          penalty.element,
          weight.element,
          batch.element,
          speed.element,
        ),
      ),
      panel('Loss', { class: 'loss' }, curve.element),
    ),
  );
  points();
  net.build(layers, inputs);
  services.work('toy', {
    async ready(fresh) {
      api = fresh;
      await build();
      play.enable(true);
    },
    gone() {
      api = undefined;
      play.enable(false);
    },
  });
}

const names: Readonly<Record<DatasetName, string>> = {
  circles: 'Circles',
  moons: 'Moons',
  xor: 'Exclusive or',
  spiral: 'Spiral',
  blobs: 'Blobs',
};

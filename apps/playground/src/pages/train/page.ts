/** Train a network from random weights, and watch: curves, weights, feature maps, answers. */
import { proxy } from 'comlink';
import { architectureNames, architectures } from '../../digits/names.ts';
import type { Architecture } from '../../digits/names.ts';
import { keepNetwork } from '../../digits/kept.ts';
import { Layers } from '../../digits/layers.ts';
import type { Services } from '../../page.ts';
import { chart } from '../../ui/chart.ts';
import { button, panel, readout, readoutList, select, slider } from '../../ui/controls.ts';
import { el } from '../../ui/dom.ts';
import { download } from '../../ui/download.ts';
import { filePicker } from '../../ui/files.ts';
import { mapView } from '../../ui/maps.ts';
import './page.css';
import { Samples } from './samples.ts';
import type { OptimizerName, Settings, Snapshot, TestResult, View } from './session.ts';
import type { Events } from './work.ts';

export const title = 'Train a network';

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
/** The test accuracy is told to screen readers so often. */
const tellMs = 10_000;

/** A rate to begin with for each. */
const rates: Readonly<Record<OptimizerName, number>> = {
  adamw: 0.003,
  momentum: 0.03,
  sgd: 0.1,
  muon: 0.01,
};
const optimizerNames: readonly (readonly [OptimizerName, string])[] = [
  ['adamw', 'AdamW'],
  ['momentum', 'SGD with momentum'],
  ['sgd', 'SGD'],
  ['muon', 'Muon'],
];

export function mount(root: HTMLElement, services: Services): void {
  const { signal } = services;
  let seed = 1;
  let running = false;
  /** Settles when the last run has said all: its final numbers, pictures and state are here. */
  let finished = Promise.resolve();
  let kept: Snapshot | undefined;
  let told = 0;

  const loss = chart({
    label: 'Loss',
    series: [{ name: 'training' }, { name: 'test', dashed: true }],
    signal,
  });
  const accuracy = chart({
    label: 'Accuracy',
    series: [
      { name: 'training', format: percent },
      { name: 'test', dashed: true, format: percent },
    ],
    range: [0, 1],
    signal,
  });
  const smooth = { loss: NaN, accuracy: NaN };
  const readouts = {
    step: readout('Step'),
    epoch: readout('Epoch'),
    loss: readout('Loss'),
    test: readout('Test accuracy'),
    speed: readout('Images a second'),
  };
  const weights = mapView({
    palette: 'signed',
    each: true,
    size: 48,
    describe: ({ count, height, width }) =>
      `Weights of the first layer: ${count} of ${height} × ${width}`,
    signal,
  });
  const layers = new Layers(signal);
  const samples = new Samples((index) => void services.attempt(() => look(index)), signal);
  const source = el('p', { class: 'quiet small' });

  const settings = (): Settings => ({
    architecture: network.value,
    optimizer: optimizer.value,
    lr: rate.value,
    batchSize: Number(batch.value),
    seed,
  });

  const work = services.work('train', {
    ready: async (api) => {
      const resumed = kept;
      source.textContent = `Learns from ${await api.build(settings(), resumed)}.`;
      enable(true);
      if (resumed === undefined) {
        await showStart();
        services.say('Random weights.');
      } else {
        rate.set(resumed.settings.lr);
        services.say(`Goes on from step ${resumed.step}.`);
        drawView(await api.view());
      }
      if (running) train();
    },
    gone: () => {
      enable(false);
      // What a worker that is gone had to say never comes.
      finished = Promise.resolve();
    },
  });

  // Controls
  const go = button('Train', () => (running ? void pause() : start()), {
    kind: 'primary',
    class: 'go',
  });
  const step = button('Step', () => void services.attempt(stepOnce));
  const again = button('Reset', () => {
    seed += 1;
    void services.attempt(rebuild);
  });
  const save = button('Export ONNX', () => void services.attempt(exportOnnx));
  const draw = button('Draw for it', () => void services.attempt(keep));
  const network = select<Architecture>(
    'Network',
    architectures.map((name) => [name, architectureNames[name]] as const),
    'cnn',
    () => void services.attempt(rebuild),
  );
  const optimizer = select<OptimizerName>('Optimizer', optimizerNames, 'adamw', (name) => {
    rate.set(rates[name]);
    void services.attempt(rebuild);
  });
  const rate = slider('Learning rate', {
    min: 1e-5,
    max: 1,
    value: rates.adamw,
    logarithmic: true,
    change: (lr) => void services.attempt(async () => work.api?.setLearningRate(lr)),
  });
  const batch = select<string>(
    'Batch',
    ['16', '32', '64', '128', '256'].map((size) => [size, `${size} images`] as const),
    '64',
    () => void services.attempt(rebuild),
  );

  function enable(on: boolean): void {
    for (const control of [go, step, again, save, draw]) control.disabled = !on;
  }
  function showRunning(): void {
    go.textContent = running ? 'Pause' : 'Train';
    step.disabled = running;
  }
  enable(false);

  function start(): void {
    if (work.api === undefined) return;
    running = true;
    showRunning();
    train();
  }

  function train(): void {
    finished = services.attempt(run);
  }

  async function pause(): Promise<void> {
    running = false;
    showRunning();
    await services.attempt(async () => work.api?.pause());
    await finished;
  }

  async function run(): Promise<void> {
    const { api } = work;
    if (api === undefined) return;
    try {
      await api.run(proxy(events));
      if (!running && work.api === api) services.say('Paused.');
    } catch (error) {
      // A lost device starts again where it was; everything else ends here.
      if (work.api !== api || !services.isLoss(error)) {
        running = false;
        showRunning();
      }
      throw error;
    }
  }

  const events: Events = {
    burst({ step: at, epochs, loss: l, accuracy: a, perSecond }) {
      smooth.loss = Number.isNaN(smooth.loss) ? l : 0.8 * smooth.loss + 0.2 * l;
      smooth.accuracy = Number.isNaN(smooth.accuracy) ? a : 0.8 * smooth.accuracy + 0.2 * a;
      loss.push(at, [smooth.loss, null]);
      accuracy.push(at, [smooth.accuracy, null]);
      readouts.step.set(at.toLocaleString('en'));
      readouts.epoch.set(epochs.toFixed(2));
      readouts.loss.set(smooth.loss.toPrecision(3));
      readouts.speed.set(Math.round(perSecond * Number(batch.value)).toLocaleString('en'));
    },
    test: drawTest,
    view: drawView,
    snapshot: (snapshot) => void (kept = snapshot),
  };

  function drawTest({ step: at, loss: l, accuracy: a }: TestResult): void {
    loss.push(at, [null, l]);
    accuracy.push(at, [null, a]);
    readouts.test.set(percent(a));
    if (performance.now() - told < tellMs) return;
    told = performance.now();
    services.say(`Step ${at}: ${percent(a)} of the test images are read rightly.`);
  }

  function drawView(view: View): void {
    weights.draw(view.weights);
    layers.draw(view.layers);
    samples.draw(view);
  }

  async function look(index: number): Promise<void> {
    if (work.api !== undefined) drawView(await work.api.chooseSample(index));
  }

  /** Curves, numbers and pictures of a network that has learnt nothing. */
  async function showStart(): Promise<void> {
    kept = undefined;
    loss.clear();
    accuracy.clear();
    smooth.loss = smooth.accuracy = NaN;
    for (const { set } of Object.values(readouts)) set('–');
    readouts.step.set('0');
    if (work.api === undefined) return;
    drawTest(await work.api.test());
    drawView(await work.api.view());
  }

  async function rebuild(): Promise<void> {
    if (work.api === undefined) return;
    kept = undefined;
    if (running) await pause();
    if (work.api === undefined) return;
    kept = undefined;
    source.textContent = `Learns from ${await work.api.build(settings())}.`;
    await showStart();
    services.say('A fresh network with random weights.');
  }

  async function stepOnce(): Promise<void> {
    await finished;
    const { api } = work;
    if (api === undefined) return;
    const started = performance.now();
    const burst = await api.step();
    events.burst({ ...burst, perSecond: 1000 / (performance.now() - started) });
    drawTest(await api.test());
    drawView(await api.view());
    kept = await api.snapshot();
    services.say(`Step ${burst.step}: loss ${burst.loss.toPrecision(3)}.`);
  }

  async function exportOnnx(): Promise<void> {
    if (work.api === undefined) return;
    download(await work.api.onnx(), 'digits.onnx');
    services.say(
      'digits.onnx: input image [batch, 1, 28, 28] with ink from 0 to 1, output probabilities.',
    );
  }

  async function keep(): Promise<void> {
    if (work.api === undefined) return;
    const { weights: bytes, step: at } = await work.api.snapshot();
    keepNetwork({ name: `Trained in this page, ${at.toLocaleString('en')} steps.`, bytes });
    location.hash = '#/digit';
  }

  const useFiles = (files: readonly File[]): Promise<void> =>
    services.attempt(async () => {
      if (work.api === undefined) return;
      const named = await Promise.all(
        files.map(async (file) => ({
          name: file.name,
          bytes: new Uint8Array(await file.arrayBuffer()),
        })),
      );
      await work.api.useFiles(named);
      drawn.hidden = false;
      await rebuild();
    });
  const drawn = button(
    'Back to drawn digits',
    () =>
      void services.attempt(async () => {
        await work.api?.useDrawn();
        drawn.hidden = true;
        await rebuild();
      }),
  );
  drawn.hidden = true;

  root.append(
    el(
      'div',
      { class: 'grid train-grid' },
      el(
        'div',
        { class: 'stack' },
        panel(
          'Training',
          {},
          el('div', { class: 'row train-buttons' }, go, step, again),
          el(
            'div',
            { class: 'stack' },
            rate.element,
            network.element,
            optimizer.element,
            batch.element,
            el('div', { class: 'row' }, save, draw),
          ),
        ),
        panel(
          'Images',
          {},
          el(
            'div',
            { class: 'stack' },
            source,
            el(
              'p',
              { class: 'quiet small' },
              'The page draws its own digits, from strokes with a seed. Have you the MNIST files? They are read here and go nowhere.',
            ),
            el(
              'div',
              { class: 'row' },
              filePicker('Load MNIST files', {
                multiple: true,
                take: (files) => void useFiles(files),
                signal,
              }),
              drawn,
            ),
          ),
        ),
      ),
      el(
        'div',
        { class: 'stack' },
        panel(
          'Progress',
          {},
          readoutList(readouts),
          el(
            'div',
            { class: 'grid curves' },
            el('div', {}, el('h3', {}, 'Loss'), loss.element),
            el('div', {}, el('h3', {}, 'Accuracy'), accuracy.element),
          ),
        ),
        panel(
          'Test images',
          {},
          el(
            'p',
            { class: 'quiet small' },
            'Never trained on. Choose one to see its feature maps.',
          ),
          samples.element,
        ),
      ),
    ),
    panel(
      'Inside the network',
      { class: 'layers-panel' },
      el(
        'p',
        { class: 'quiet small' },
        'Weights first: violet adds, orange takes away. Then what each stage makes of the chosen image.',
      ),
      el('div', { class: 'layer' }, el('h3', {}, 'Weights of the first layer'), weights.element),
      layers.element,
    ),
  );
}

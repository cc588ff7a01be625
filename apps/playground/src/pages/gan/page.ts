import type { Remote } from 'comlink';
import type { Services } from '../../page.ts';
import { chart } from '../../ui/chart.ts';
import { button, panel, readout, readoutList, select, slider } from '../../ui/controls.ts';
import { el } from '../../ui/dom.ts';
import { playback } from '../../ui/playback.ts';
import { onTheme } from '../../ui/theme.ts';
import type { Api } from '../../worker/works.ts';
import { isCloud, pictureSize } from './data.ts';
import type { CloudName, PictureName } from './data.ts';
import { drawCloud, drawPictures, drawWay } from './draw.ts';
import { losses } from './settings.ts';
import type { ContestRates, LossName } from './settings.ts';
import type { GanFrame } from './work.ts';
import './gan.css';

export const title = 'Two networks in a contest';

/** Places on the way between two noises, both ends included. */
const waySteps = 41;
/** Pictures of the way that are shown side by side. */
const stripCount = 9;

export function mount(root: HTMLElement, services: Services): void {
  const { signal, attempt } = services;
  let api: Remote<Api<'gan'>> | undefined;
  let seed = 1;
  let noise = 0;
  let ends = { from: 101, to: 102 };
  let real: Float32Array = new Float32Array(0);
  let frame: GanFrame | undefined;
  let way: Float32Array = new Float32Array(0);

  const target = select<CloudName | PictureName>(
    'To imitate',
    [
      ['ring', 'Points: eight clusters'],
      ['grid', 'Points: grid'],
      ['moons', 'Points: moons'],
      ['spiral', 'Points: spiral'],
      ['heart', 'Points: heart'],
      ['digits', 'Pictures: digits'],
      ['shapes', 'Pictures: shapes'],
      ['faces', 'Pictures: faces'],
    ],
    'ring',
    () => void attempt(build),
  );
  const loss = select<LossName>(
    'Loss',
    losses.map((name) => [name, name[0]!.toUpperCase() + name.slice(1)] as const),
    'non-saturating',
    () => void attempt(build),
  );
  const rates = (): ContestRates => ({
    generator: lrGenerator.value,
    discriminator: lrDiscriminator.value,
  });
  const send = (): void => void attempt(async () => api?.rates(rates()));
  const rate = (label: string) =>
    slider(label, { min: 0.0001, max: 0.02, value: 0.002, logarithmic: true, change: send });
  const lrGenerator = rate('Generator’s learning rate');
  const lrDiscriminator = rate('Discriminator’s learning rate');
  const batch = select<'16' | '32' | '64' | '128' | '256'>(
    'Batch size',
    (['16', '32', '64', '128', '256'] as const).map((n) => [n, n] as const),
    '128',
    () => void attempt(build),
  );
  const speed = slider('Updates a frame', { min: 1, max: 50, value: 10 });

  const canvas = el('canvas', { class: 'samples', role: 'img' });
  const realCanvas = el('canvas', { class: 'samples', role: 'img', 'aria-label': 'Real pictures' });
  const realPanel = panel('Real', { class: 'real' }, realCanvas);
  const key = el(
    'p',
    { class: 'small quiet key' },
    el('span', { class: 'dot real-dot' }),
    'real ',
    el('span', { class: 'dot drawn-dot' }),
    'generated; where it is orange the discriminator expects real ones, where it is blue fakes.',
  );
  const wayWords = el('p', { class: 'small quiet' });
  const strip = el('canvas', { class: 'strip', role: 'img' });
  const single = el('canvas', {
    class: 'single',
    role: 'img',
    'aria-label': 'Generated picture at this place of the way',
  });
  const position = slider('Place on the way', {
    min: 0,
    max: waySteps - 1,
    value: 0,
    format: (x) => `${Math.round((100 * x) / (waySteps - 1))} %`,
    change: () => draw(),
  });
  const curve = chart({
    label: 'Losses',
    series: [{ name: 'generator' }, { name: 'discriminator' }],
    x: 'update',
    height: 150,
    signal,
  });
  const numbers = {
    updates: readout('Updates'),
    generator: readout('Generator’s loss'),
    discriminator: readout('Discriminator’s loss'),
  };

  function draw(): void {
    if (frame === undefined || signal.aborted) return;
    const { updates, samples, opinion } = frame;
    const cloud = isCloud(target.value);
    canvas.setAttribute(
      'aria-label',
      cloud
        ? `Real and generated points after ${updates} updates`
        : `Generated pictures after ${updates} updates`,
    );
    strip.setAttribute(
      'aria-label',
      `${stripCount} generated pictures on the way between two noises`,
    );
    realPanel.hidden = cloud;
    strip.hidden = cloud;
    single.hidden = cloud;
    key.hidden = !cloud;
    wayWords.textContent = cloud
      ? 'Noise goes in and a point comes out. The line is what comes out while the noise goes over into another.'
      : 'Noise goes in and a picture comes out. These are on the way from one noise to another.';
    if (cloud) {
      if (canvas.width !== 640 || canvas.height !== 640) canvas.width = canvas.height = 640;
      drawCloud(canvas, real, samples, opinion);
      if (way.length === 2 * waySteps) drawWay(canvas, way, position.value);
      return;
    }
    drawPictures(canvas, samples, 8, 4);
    drawPictures(realCanvas, real.subarray(0, 32 * pictureSize ** 2), 8, 4);
    const pixels = pictureSize ** 2;
    if (way.length !== waySteps * pixels) return;
    const chosen = new Float32Array(stripCount * pixels);
    for (let i = 0; i < stripCount; i++) {
      const at = Math.round((i * (waySteps - 1)) / (stripCount - 1));
      chosen.set(way.subarray(at * pixels, (at + 1) * pixels), i * pixels);
    }
    drawPictures(strip, chosen, stripCount, 4);
    drawPictures(
      single,
      way.subarray(position.value * pixels, (position.value + 1) * pixels),
      1,
      12,
    );
  }
  onTheme(draw, signal);

  async function show(next: GanFrame | undefined): Promise<void> {
    if (next === undefined || signal.aborted) return;
    frame = next;
    const { updates, generator, discriminator } = next;
    numbers.updates.set(updates.toLocaleString('en'));
    if (Number.isFinite(generator)) {
      numbers.generator.set(generator.toFixed(3));
      numbers.discriminator.set(discriminator.toFixed(3));
      curve.push(updates, [generator, discriminator]);
    }
    way = (await api?.between(ends.from, ends.to, waySteps)) ?? way;
    draw();
  }
  async function build(): Promise<void> {
    curve.clear();
    numbers.generator.set('–');
    numbers.discriminator.set('–');
    const options = { target: target.value, loss: loss.value, seed, batch: Number(batch.value) };
    const made = await api?.build(options, rates());
    if (made === undefined) return;
    real = made.real;
    await show(made.frame);
  }
  const play = playback({
    what: 'the contest',
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
      { class: 'grid gan' },
      panel(
        'Contest',
        { class: 'settings' },
        el(
          'div',
          { class: 'stack' },
          target.element,
          loss.element,
          lrGenerator.element,
          lrDiscriminator.element,
          batch.element,
          speed.element,
        ),
      ),
      panel('Generated', { class: 'drawn' }, canvas, key),
      el(
        'div',
        { class: 'stack side' },
        realPanel,
        panel(
          'Between two noises',
          { class: 'way' },
          el(
            'div',
            { class: 'stack' },
            wayWords,
            strip,
            single,
            position.element,
            el(
              'div',
              { class: 'row' },
              button('Other ends', () => {
                ends = { from: ends.to, to: ends.to + 1 };
                void attempt(async () => {
                  way = (await api?.between(ends.from, ends.to, waySteps)) ?? way;
                  draw();
                });
              }),
              button('Other noise', () => {
                noise += 1;
                void attempt(async () => show(await api?.noise(noise)));
              }),
            ),
          ),
        ),
        panel('Losses', { class: 'loss' }, curve.element),
      ),
    ),
  );
  services.work('gan', {
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

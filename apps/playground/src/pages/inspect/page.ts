import { proxy } from 'comlink';
import type { Remote } from 'comlink';
import type { ValueType } from '@hebb/onnx';
import type { Services } from '../../page.ts';
import { button, panel, readout } from '../../ui/controls.ts';
import { el } from '../../ui/dom.ts';
import { filePicker } from '../../ui/files.ts';
import type { Api } from '../../worker/works.ts';
import { inputForm } from './form.ts';
import { bytes, count, short } from './format.ts';
import { graphView } from './graph.ts';
import { profileTables, runTable } from './results.ts';
import { mostBytes } from './settings.ts';
import type { ModelInfo, NodeRow, WeightRow } from './settings.ts';
import { table } from './table.ts';
import './inspect.css';

export const title = 'Inspect a model';

const examples = {
  digits: { label: 'a digit reader', weights: 'models/digits.safetensors' },
  gpt: { label: 'a small GPT', weights: 'models/gpt.safetensors' },
} as const;

const typeText = ({ dtype, shape, kind }: ValueType): string =>
  kind === 'tensor' && dtype !== undefined
    ? `${dtype} [${shape === undefined ? '…' : shape.map((dim) => dim ?? '?').join(', ')}]`
    : kind === 'unknown'
      ? ''
      : kind;

const heat = (share: number): string => `${Math.round(100 * share)} %`;

export function mount(root: HTMLElement, services: Services): void {
  const { signal, attempt, say } = services;
  let api: Remote<Api<'inspect'>> | undefined;
  let where = '';
  let info: ModelInfo | undefined;
  /** How the model came, so that a fresh worker gets it again. */
  let again: (() => Promise<ModelInfo | undefined>) | undefined;
  let seed = 1;

  // --- opening ---

  const choosing = el(
    'div',
    { class: 'row chooser' },
    filePicker('Choose an .onnx file', {
      accept: '.onnx,.data,.bin,.weights',
      multiple: true,
      signal,
      take: (files) => void attempt(() => take(files)),
    }),
    el('span', { class: 'quiet' }, 'or drop one anywhere on this page, or look at'),
    Object.entries(examples).map(([name, { label, weights }]) =>
      button(
        label,
        () =>
          void attempt(() =>
            open(async () =>
              api?.example(name as keyof typeof examples, new URL(weights, document.baseURI).href),
            ),
          ),
      ),
    ),
  );

  async function take(files: readonly File[]): Promise<void> {
    const large = files.find(({ size }) => size > mostBytes);
    if (large !== undefined) {
      throw new Error(
        `${large.name} has ${bytes(large.size)}: models up to ${bytes(mostBytes)} are opened here. The command hebb inspect opens larger ones.`,
      );
    }
    const given = await Promise.all(
      files.map(async (file) => ({
        name: file.name,
        bytes: new Uint8Array(await file.arrayBuffer()),
      })),
    );
    await open(async () => api?.open(given));
  }

  async function open(source: () => Promise<ModelInfo | undefined>): Promise<void> {
    if (api === undefined) throw new Error('The worker is not there yet; try again in a moment.');
    root.setAttribute('aria-busy', 'true');
    say('Reading the model.');
    try {
      const next = await source();
      if (next === undefined || signal.aborted) return;
      // Only what could be read is read again.
      again = source;
      info = next;
      show(next);
    } finally {
      root.removeAttribute('aria-busy');
    }
  }

  // --- what is in it ---

  const overview = el('div', { class: 'stack' });
  const drawn = graphView(
    async (from) => api?.draw(from),
    (action) => attempt(action),
  );
  const form = inputForm();
  const nodesPlace = el('div');
  const weightsPlace = el('div');
  const results = el('div', { class: 'stack', 'aria-live': 'polite' });
  const times = el('div', { class: 'stack' });
  const problem = el('p', { class: 'problem', hidden: true });

  function show(next: ModelInfo): void {
    const figure = (name: string, text: string): HTMLElement => {
      const made = readout(name);
      made.set(text);
      return made.element;
    };
    const values = (list: readonly ValueType[]): HTMLElement =>
      el(
        'ul',
        { class: 'values-list' },
        list.map((value) =>
          el(
            'li',
            {},
            el('code', {}, value.name),
            ' ',
            el('span', { class: 'quiet' }, typeText(value)),
          ),
        ),
      );
    overview.replaceChildren(
      el(
        'dl',
        { class: 'readouts' },
        figure('Parameters', count(next.parameters)),
        figure('File', bytes(next.fileBytes)),
        figure('Nodes', next.nodes.length.toLocaleString('en')),
        figure('Multiply-adds', next.multiplyAdds === undefined ? '–' : count(next.multiplyAdds)),
        figure('Memory of a run', next.peakMemory === undefined ? '–' : bytes(next.peakMemory)),
        figure('Operator set', String(next.opset)),
      ),
      el(
        'div',
        { class: 'in-out' },
        el('div', {}, el('h3', {}, 'Inputs'), values(next.inputs)),
        el('div', {}, el('h3', {}, 'Outputs'), values(next.outputs)),
      ),
      el(
        'p',
        { class: 'operators' },
        next.operators.map(([name, n]) => el('span', { class: 'chip' }, name, ' ', el('b', {}, n))),
      ),
      el('p', { class: 'small quiet' }, next.producer === '' ? '' : `Made by ${next.producer}.`),
    );
    overviewPanel.querySelector('h2')!.textContent = next.file;
    problem.hidden = next.problem === undefined;
    problem.textContent = next.problem ?? '';
    form.open(next);
    runPanel.hidden = !next.runs;
    outputsPanel.hidden = true;
    times.replaceChildren();
    timePanel.hidden = true;
    nodesPlace.replaceChildren(
      table<NodeRow>({
        caption: 'Table of nodes',
        head: ['Operator', 'Name', 'Makes'],
        rows: next.nodes,
        cells: (row) => [row.operator, el('code', {}, row.name), el('code', {}, row.makes)],
      }),
    );
    weightsPlace.replaceChildren(
      table<WeightRow>({
        caption: 'Table of weights, the largest first',
        head: ['Name', 'Type', 'Shape', 'Size', 'Least', 'Largest', 'Mean', 'Deviation'],
        right: [3, 4, 5, 6, 7],
        rows: next.weights,
        cells: ({ name, dtype, shape, bytes: size, stats }) => [
          el('code', {}, name),
          dtype,
          el('code', {}, shape),
          bytes(size),
          ...(stats === undefined
            ? ['–', '–', '–', '–']
            : [stats.min, stats.max, stats.mean, stats.std].map(short)),
        ],
      }),
    );
    content.hidden = false;
    drawn.open(next);
    say(
      `${next.file}: ${next.nodes.length} nodes, ${count(next.parameters)} parameters. ${next.problem ?? ''}`,
    );
  }

  // --- running ---

  const runButton = button('Run', () => void attempt(run), { kind: 'primary' });
  const profileButton = button('Time each operator', () => void attempt(profile));
  const stopButton = button('Stop', () => void attempt(async () => api?.stop()), { hidden: true });
  const progress = el('progress', {
    max: 1,
    value: 0,
    hidden: true,
    'aria-label': 'Share of the work done',
  });

  async function busy(action: () => Promise<void>): Promise<void> {
    for (const each of [runButton, profileButton]) each.disabled = true;
    try {
      await action();
    } finally {
      for (const each of [runButton, profileButton]) each.disabled = false;
    }
  }
  const run = (): Promise<void> =>
    busy(async () => {
      say('Running.');
      const result = await api?.run(form.choices(), (seed += 1));
      if (result === undefined || signal.aborted) return;
      outputsPanel.hidden = false;
      results.replaceChildren(runTable(result, where));
      say('The run is done.');
    });
  const profile = (): Promise<void> =>
    busy(async () => {
      progress.hidden = false;
      stopButton.hidden = false;
      progress.value = 0;
      try {
        const result = await api?.profile(
          form.choices(),
          (seed += 1),
          proxy((share: number) => (progress.value = share)),
        );
        if (result === undefined || signal.aborted) return;
        timePanel.hidden = false;
        times.replaceChildren(profileTables(result, where));
        drawn.heat(result.rows);
        const longest = result.rows.toSorted((a, b) => b.ms - a.ms)[0];
        say(
          longest === undefined
            ? 'There was nothing to time.'
            : `The longest is ${longest.operator} ${longest.node} with ${heat(longest.ms / result.ms)} of the time. The graph is coloured by time.`,
        );
      } catch (error) {
        if (!(error instanceof Error && /abort/i.test(`${error.name} ${error.message}`)))
          throw error;
        say('Stopped.');
      } finally {
        progress.hidden = true;
        stopButton.hidden = true;
      }
    });

  const overviewPanel = panel('Model', { class: 'overview' }, overview, problem);
  const runPanel = panel(
    'Run',
    { class: 'run' },
    el(
      'div',
      { class: 'stack' },
      form.element,
      el('div', { class: 'row' }, runButton, profileButton, stopButton, progress),
    ),
  );
  const outputsPanel = panel('Outputs', { class: 'outputs', hidden: true }, results);
  const timePanel = panel('Time', { class: 'times', hidden: true }, times);
  const content = el(
    'div',
    { class: 'grid inspect', hidden: true },
    overviewPanel,
    panel('Graph', { class: 'graph-panel' }, drawn.element),
    runPanel,
    outputsPanel,
    timePanel,
    panel('Nodes', { class: 'nodes' }, nodesPlace),
    panel('Weights', { class: 'weights' }, weightsPlace),
  );
  root.append(choosing, content);
  services.work('inspect', {
    async ready(fresh, on) {
      api = fresh;
      where = on.text;
      // The same model on another backend; its times are to be taken anew.
      if (again !== undefined && info !== undefined) await open(again);
    },
    gone() {
      api = undefined;
    },
  });
}

/** Frame of all pages: menu, choice of the backend, messages, and the page that the address names. */
import type { Services } from '../page.ts';
import { pages } from '../pages/index.ts';
import type { Entry } from '../pages/index.ts';
import { button } from '../ui/controls.ts';
import { el, svg } from '../ui/dom.ts';
import { onTheme, setTheme, theme } from '../ui/theme.ts';
import type { BackendName, Where } from '../worker/backend.ts';
import { Connection, isLoss } from '../worker/connect.ts';
import type { Listener, WorkName, WorkOptions } from '../worker/connect.ts';
import { Messages, messageOf } from './messages.ts';
import { chosenBackend, keepBackend } from './setting.ts';

/** Losses of the device that a page survives before it goes on without the graphics processor. */
const mostLosses = 2;

export class Shell {
  readonly #root: HTMLElement;
  readonly #messages = new Messages();
  readonly #main = el('main', { id: 'main', tabindex: -1 });
  readonly #links = new Map<string, HTMLAnchorElement>();
  readonly #backends = new Map<BackendName, HTMLInputElement>();
  readonly #where = el('p', { class: 'where' });
  #backend = chosenBackend();
  #connection: Connection<WorkName> | undefined;
  #losses = 0;
  #leave = new AbortController();

  constructor(root: HTMLElement) {
    this.#root = root;
  }

  start(): void {
    this.#root.replaceChildren(
      el(
        'a',
        { class: 'skip', href: '#main', onclick: (event) => this.#skip(event) },
        'To the content',
      ),
      this.#header(),
      this.#messages.alerts,
      this.#main,
      el('footer', {}, this.#where, this.#messages.status),
    );
    addEventListener('hashchange', () => void this.#open(true));
    void this.#open(false);
  }

  #header(): HTMLElement {
    const themeButton = button('', () => setTheme(theme() === 'dark' ? 'light' : 'dark'), {
      kind: 'quiet',
      class: 'theme',
    });
    const showTheme = (): void => {
      const next = theme() === 'dark' ? 'light' : 'dark';
      themeButton.setAttribute('aria-label', `Switch to ${next} colours`);
      themeButton.replaceChildren(theme() === 'dark' ? sun() : moon());
    };
    showTheme();
    onTheme(showTheme, new AbortController().signal);
    return el(
      'header',
      { class: 'top' },
      el(
        'a',
        { class: 'brand', href: '#/digit' },
        logo(),
        el('span', {}, 'Hebb'),
        el('small', {}, 'playground'),
      ),
      el(
        'nav',
        { 'aria-label': 'Pages' },
        pages.map(({ name, label }) => {
          const link = el('a', { href: `#/${name}` }, label);
          this.#links.set(name, link);
          return link;
        }),
      ),
      el(
        'fieldset',
        { class: 'segments' },
        el('legend', {}, 'Compute on'),
        this.#backendChoice('wasm', 'WASM', 'WebAssembly, on the processor'),
        this.#backendChoice('webgpu', 'WebGPU', 'WebGPU, on the graphics processor'),
      ),
      themeButton,
    );
  }

  #backendChoice(name: BackendName, label: string, title: string): HTMLElement {
    const input = el('input', { type: 'radio', name: 'backend', value: name });
    input.checked = this.#backend === name;
    input.addEventListener('change', () => {
      this.#losses = 0;
      this.#messages.clear();
      this.#choose(name);
      keepBackend(name);
      void this.#connection?.start(name);
    });
    this.#backends.set(name, input);
    return el('label', { title }, input, el('span', {}, label));
  }

  #choose(name: BackendName): void {
    this.#backend = name;
    for (const [key, input] of this.#backends) input.checked = key === name;
  }

  #skip(event: Event): void {
    // The address is the router's.
    event.preventDefault();
    this.#main.focus();
  }

  /** Opens the page that the address names; an unknown one is the first. */
  async #open(focus: boolean): Promise<void> {
    const name = location.hash.replace(/^#\//, '').split('?')[0];
    const entry = pages.find((page) => page.name === name) ?? pages[0]!;
    this.#leave.abort();
    this.#leave = new AbortController();
    const { signal } = this.#leave;
    this.#connection?.stop();
    this.#connection = undefined;
    this.#losses = 0;
    this.#messages.clear();
    this.#messages.say('');
    for (const [key, link] of this.#links) {
      if (key === entry.name) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
    }
    try {
      const page = await entry.load();
      if (signal.aborted) return;
      this.#mount(entry, page, signal, focus);
    } catch (error) {
      if (signal.aborted) return;
      this.#messages.warn(
        `This page could not be loaded. Check the connection and reload.\n${messageOf(error)}`,
      );
    }
  }

  #mount(
    entry: Entry,
    page: Awaited<ReturnType<Entry['load']>>,
    signal: AbortSignal,
    focus: boolean,
  ) {
    const heading = el('h1', { tabindex: -1 }, page.title);
    const root = el('div', { class: `page page-${entry.name}` });
    this.#main.replaceChildren(
      el('div', { class: 'intro' }, heading, el('p', {}, entry.summary)),
      root,
    );
    document.title = `${page.title} · Hebb playground`;
    page.mount(root, this.#services(signal));
    if (focus) {
      scrollTo(0, 0);
      heading.focus({ preventScroll: true });
    }
  }

  #services(signal: AbortSignal): Services {
    const fail = (error: unknown): void => {
      if (!signal.aborted) this.#fail(error);
    };
    return {
      signal,
      work: <N extends WorkName>(name: N, options: WorkOptions<N>) => {
        const connection = new Connection(name, options, this.#listener(signal));
        this.#connection = connection as Connection<WorkName>;
        this.#where.textContent = 'Starting …';
        void connection.start(this.#backend);
        return connection;
      },
      say: (message) => {
        if (!signal.aborted) this.#messages.say(message);
      },
      fail,
      isLoss,
      attempt: async (action) => {
        try {
          await action();
        } catch (error) {
          fail(error);
        }
      },
    };
  }

  #listener(signal: AbortSignal): Listener {
    return {
      started: (where) => {
        if (!signal.aborted) this.#started(where);
      },
      fellBack: (why) => {
        if (signal.aborted) return;
        this.#choose('wasm');
        this.#messages.warn(
          'WebGPU is not to be had here, so this page computes with WebAssembly. ' +
            'A current Chrome, Edge, Safari or Firefox with a graphics processor has it; ' +
            `hardware acceleration must be on in the browser’s settings.\n${messageOf(why)}`,
        );
      },
      failed: (error) => {
        if (!signal.aborted) this.#fail(error);
      },
    };
  }

  #started(where: Where): void {
    this.#where.textContent =
      where.backend === 'wasm' && !crossOriginIsolated
        ? `Computes on ${where.text}: this page is not cross-origin isolated, so threads cannot share memory.`
        : `Computes on ${where.text}.`;
  }

  /** A lost device gets a fresh worker, at last without the graphics processor. */
  #fail(error: unknown): void {
    if (!isLoss(error) || this.#connection?.where?.backend !== 'webgpu') {
      this.#messages.warn(messageOf(error));
      return;
    }
    this.#losses += 1;
    const next = this.#losses < mostLosses ? 'webgpu' : 'wasm';
    const how =
      next === 'webgpu' ? 'It has been started again.' : 'From here on WebAssembly computes.';
    this.#choose(next);
    this.#messages.warn(`The graphics processor was lost. ${how}\n${messageOf(error)}`);
    void this.#connection.start(next);
  }
}

const icon = (...paths: string[]): SVGElement =>
  svg(
    'svg',
    { viewBox: '0 0 24 24', width: 20, height: 20, 'aria-hidden': 'true', class: 'icon' },
    paths.map((d) => svg('path', { d })),
  );
const sun = (): SVGElement =>
  icon(
    'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8z',
    'M12 2v2M12 20v2M2 12h2M20 12h2M4.9 4.9l1.5 1.5M17.6 17.6l1.5 1.5M4.9 19.1l1.5-1.5M17.6 6.4l1.5-1.5',
  );
const moon = (): SVGElement => icon('M20 14.5A8 8 0 0 1 9.5 4a8 8 0 1 0 10.5 10.5z');
const logo = (): SVGElement =>
  svg(
    'svg',
    { viewBox: '0 0 32 32', width: 30, height: 30, 'aria-hidden': 'true', class: 'logo' },
    svg('rect', { width: 32, height: 32, rx: 8 }),
    svg('path', { d: 'M9 9l14 7M9 16h14M9 23l14-7' }),
    [
      [9, 9, 3],
      [9, 16, 3],
      [9, 23, 3],
      [23, 16, 3.6],
    ].map(([cx, cy, r]) => svg('circle', { cx: cx!, cy: cy!, r: r! })),
  );

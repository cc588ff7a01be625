/** Play, pause, step and reset of something that goes on in turns. */
import { button } from './controls.ts';
import { el } from './dom.ts';

export interface PlaybackOptions {
  /** One turn; the next begins with a frame after it. What it throws goes to `fail`, and playing ends. */
  readonly turn: () => Promise<void>;
  readonly reset: () => Promise<void> | void;
  readonly fail: (error: unknown) => void;
  readonly signal: AbortSignal;
  /** What plays, for its button: `Play` becomes `Play training`, say, for those who do not see. */
  readonly what: string;
}

export interface Playback {
  readonly element: HTMLElement;
  readonly playing: boolean;
  play(): void;
  pause(): void;
  /** Without a worker nothing can be pressed. Disabling pauses. */
  enable(enabled: boolean): void;
}

/** Pages that are not seen get no frames: they go on by a timer. */
const nextFrame = (): Promise<void> =>
  new Promise((resolve) => {
    if (document.hidden) setTimeout(resolve, 100);
    else requestAnimationFrame(() => resolve());
  });

export function playback({ turn, reset, fail, signal, what }: PlaybackOptions): Playback {
  let playing = false;
  let busy = false;
  const main = button('Play', () => (playing ? pause() : play()), { kind: 'primary' });
  const stepButton = button('Step', () => void once());
  const resetButton = button('Reset', () => {
    pause();
    void guarded(async () => reset());
  });
  const show = (): void => {
    main.textContent = playing ? 'Pause' : 'Play';
    main.setAttribute('aria-label', `${playing ? 'Pause' : 'Play'} ${what}`);
    stepButton.disabled = playing || resetButton.disabled;
  };
  const guarded = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      playing = false;
      if (!signal.aborted) fail(error);
    }
    show();
  };
  const once = async (): Promise<void> => {
    if (busy) return;
    busy = true;
    await guarded(turn);
    busy = false;
  };
  const play = (): void => {
    if (playing || main.disabled) return;
    playing = true;
    show();
    void (async () => {
      while (playing && !signal.aborted) {
        await once();
        await nextFrame();
      }
    })();
  };
  const pause = (): void => {
    playing = false;
    show();
  };
  const enable = (enabled: boolean): void => {
    if (!enabled) playing = false;
    for (const each of [main, resetButton]) each.disabled = !enabled;
    show();
  };
  signal.addEventListener('abort', pause);
  enable(false);
  return {
    element: el(
      'div',
      { class: 'row', role: 'group', 'aria-label': what },
      main,
      stepButton,
      resetButton,
    ),
    get playing() {
      return playing;
    },
    play,
    pause,
    enable,
  };
}

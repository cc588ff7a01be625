/** What a page is, and what the shell gives it. */
import type { Work, WorkName, WorkOptions } from './worker/connect.ts';

export interface Services {
  /** Aborts when the page is left: hand it to listeners, charts and loops. */
  readonly signal: AbortSignal;
  /**
   * Starts the page's worker. It goes when the page is left. `ready` is called with a fresh one at the
   * start, after a change of the backend, and after a lost device: there the page says again what it
   * wants (architecture, weights that it kept).
   */
  work<N extends WorkName>(name: N, options: WorkOptions<N>): Work<N>;
  /** Says something politely to everybody: shown in the status line, read by screen readers. */
  say(message: string): void;
  /** Shows what went wrong and what to do about it, until it is closed; the page goes on. */
  fail(error: unknown): void;
  /** Whether an error means that the device is gone; after `fail` there is a fresh worker. */
  isLoss(error: unknown): boolean;
  /** Runs an action of the page; what it throws is shown by `fail`. */
  attempt(action: () => Promise<void> | void): Promise<void>;
}

export interface Page {
  readonly title: string;
  /** Fills an empty element. What listens beyond it hangs on `services.signal`. */
  mount(root: HTMLElement, services: Services): void;
}

/** The two places where the shell speaks: a status line, and a box for what went wrong. */
import { button } from '../ui/controls.ts';
import { el } from '../ui/dom.ts';

export class Messages {
  /** Polite: read when the reader pauses. */
  readonly status = el('p', { class: 'status', role: 'status' });
  /** Assertive: read at once. */
  readonly alerts = el('div', { class: 'alerts', role: 'alert' });

  say(message: string): void {
    this.status.textContent = message;
  }

  /** Stays until it is closed or the page is left. The same twice shows once. */
  warn(message: string): void {
    const details = message.split('\n');
    const shown = [...this.alerts.querySelectorAll('.alert')].some(
      (alert) => (alert as HTMLElement).dataset['message'] === message,
    );
    if (shown) return;
    const alert = el(
      'div',
      { class: 'alert', 'data-message': message },
      el(
        'div',
        {},
        el('p', {}, details[0]),
        details.length > 1 &&
          el(
            'details',
            {},
            el('summary', {}, 'Details'),
            el('pre', { tabindex: 0 }, details.slice(1).join('\n')),
          ),
      ),
      button('Close', () => alert.remove(), { kind: 'quiet' }),
    );
    this.alerts.append(alert);
  }

  clear(): void {
    this.alerts.replaceChildren();
  }
}

/** What an error says, without its stack. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.trim() === '' ? 'Something went wrong, and nothing says what.' : text;
}

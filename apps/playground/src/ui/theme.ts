/** Light and dark: the system's choice until the person makes one, which is kept. */

export type Theme = 'light' | 'dark';
type Choice = Theme | 'system';

const key = 'hebb-theme';
const system = matchMedia('(prefers-color-scheme: dark)');
const listeners = new Set<(theme: Theme) => void>();

/** Storage may be forbidden; the page works without. */
function stored(): Choice {
  try {
    const value = localStorage.getItem(key);
    return value === 'light' || value === 'dark' ? value : 'system';
  } catch {
    return 'system';
  }
}

let choice: Choice = stored();

export const theme = (): Theme =>
  choice === 'system' ? (system.matches ? 'dark' : 'light') : choice;

function apply(): void {
  document.documentElement.dataset['theme'] = theme();
  for (const listener of listeners) listener(theme());
}

export function setTheme(next: Choice): void {
  choice = next;
  try {
    localStorage.setItem(key, next);
  } catch {
    // Kept for this visit only.
  }
  apply();
}

/** Calls at every change until the signal aborts: for what is drawn on canvases. */
export function onTheme(listener: (theme: Theme) => void, signal: AbortSignal): void {
  listeners.add(listener);
  signal.addEventListener('abort', () => listeners.delete(listener));
}

/** A colour of the style sheet, e.g. `colour('--accent')`. */
export const colour = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export type Rgb = readonly [red: number, green: number, blue: number];

/** The same as numbers from 0 to 255; the style sheet has these as `#rrggbb`. */
export function rgb(name: string): Rgb {
  const value = Number.parseInt(colour(name).slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

export function startTheme(): void {
  system.addEventListener('change', apply);
  apply();
}

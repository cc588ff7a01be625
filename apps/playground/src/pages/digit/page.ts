import type { Services } from '../../page.ts';
import { el } from '../../ui/dom.ts';

export const title = 'Draw a digit';

export function mount(root: HTMLElement, services: Services): void {
  const line = el('p', {}, 'Starting …');
  root.append(line);
  services.work('digit', {
    ready: async (api) => {
      line.textContent = `Computes on ${await api.backend()}.`;
    },
  });
}

import type { Services } from '../../page.ts';
import { el } from '../../ui/dom.ts';

export const title = 'Look into a model';

export function mount(root: HTMLElement, services: Services): void {
  const line = el('p', {}, 'Starting …');
  root.append(line);
  services.work('inspect', {
    ready: async (api) => {
      line.textContent = `Computes on ${await api.backend()}.`;
    },
  });
}

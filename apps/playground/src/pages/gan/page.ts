import type { Services } from '../../page.ts';
import { el } from '../../ui/dom.ts';

export const title = 'A GAN learns to draw';

export function mount(root: HTMLElement, services: Services): void {
  const line = el('p', {}, 'Starting …');
  root.append(line);
  services.work('gan', {
    ready: async (api) => {
      line.textContent = `Computes on ${await api.backend()}.`;
    },
  });
}

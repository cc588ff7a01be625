/** The pages in the order of the menu; each is loaded when it is opened. */
import type { Page } from '../page.ts';

export interface Entry {
  /** The address behind `#/`. */
  readonly name: string;
  /** In the menu; the heading is the page's title. */
  readonly label: string;
  /** One sentence below the heading. */
  readonly summary: string;
  load(): Promise<Page>;
}

export const pages: readonly Entry[] = [
  {
    name: 'digit',
    label: 'Draw',
    summary: 'A convolutional network reads while you draw; see what each of its layers sees.',
    load: () => import('./digit/page.ts'),
  },
  {
    name: 'train',
    label: 'Train',
    summary: 'From random weights to reading digits, in this page: pause, step, change, export.',
    load: () => import('./train/page.ts'),
  },
  {
    name: 'toy',
    label: 'Toy',
    summary: 'Points in a plane, a network of your own layers, and where it draws the border.',
    load: () => import('./toy/page.ts'),
  },
  {
    name: 'gan',
    label: 'GAN',
    summary: 'Two networks in a contest: samples improve as you watch.',
    load: () => import('./gan/page.ts'),
  },
  {
    name: 'gpt',
    label: 'GPT',
    summary: 'A transformer that writes letter by letter.',
    load: () => import('./gpt/page.ts'),
  },
  {
    name: 'inspect',
    label: 'Inspect',
    summary: 'Drop any .onnx file: its graph, a run, and the time of each operator.',
    load: () => import('./inspect/page.ts'),
  },
];

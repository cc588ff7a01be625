/** What the worker can do: one module a page, loaded when the page is opened. */

export const works = {
  digit: () => import('../pages/digit/work.ts'),
  train: () => import('../pages/train/work.ts'),
  toy: () => import('../pages/toy/work.ts'),
  gan: () => import('../pages/gan/work.ts'),
  gpt: () => import('../pages/gpt/work.ts'),
  inspect: () => import('../pages/inspect/work.ts'),
};

export type WorkName = keyof typeof works;

type Module<N extends WorkName> = Awaited<ReturnType<(typeof works)[N]>>;

/** What `create` of a page's `work.ts` gives. */
export type Api<N extends WorkName> = Awaited<ReturnType<Module<N>['create']>>;

/** Names of the networks that read digits; apart, so that pages have them without the networks. */

export const architectures = ['linear', 'mlp', 'cnn', 'deep'] as const;
export type Architecture = (typeof architectures)[number];

/** For the menu of the training page. */
export const architectureNames: Readonly<Record<Architecture, string>> = {
  linear: 'One layer, linear',
  mlp: 'Two dense layers',
  cnn: 'Two convolutions',
  deep: 'Three convolutions',
};

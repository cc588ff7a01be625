/** What the model builders share. */
import type { DType, Generator } from '@hebb/core';
import { Conv2d, Linear, init } from '@hebb/nn';
import type { Module } from '@hebb/nn';

export interface ModelOptions {
  /** Size of the result; default 1000, ImageNet's classes. */
  readonly numClasses?: number;
  /** Channels of the images; default 3. */
  readonly inChannels?: number;
  /** Default float32. */
  readonly dtype?: DType;
  /** Where the start values come from; the default generator when left out. */
  readonly generator?: Generator;
}

/** How layers are made: what they all get passed. */
export interface How {
  readonly dtype?: DType;
  readonly generator?: Generator;
}
export const howOf = ({ dtype, generator }: ModelOptions): How => ({
  ...(dtype && { dtype }),
  ...(generator && { generator }),
});

/**
 * The start values that the papers' models are published with: convolutions normal with their variance
 * kept backwards (He et al. 2015), biases zero, and linear layers as `linear` says: normal with that
 * standard deviation, or uniform within ±1/√outFeatures.
 */
export function setStartValues(
  model: Module,
  how: How,
  linear: number | 'fan_out' | undefined,
): void {
  for (const layer of model.modules()) {
    const { dtype } = layer instanceof Conv2d || layer instanceof Linear ? layer.weight : {};
    const options = { ...how, ...(dtype && { dtype }) };
    if (layer instanceof Conv2d) {
      layer.weight.value = init.kaimingNormal(layer.weight.shape, {
        mode: 'fan_out',
        nonlinearity: 'relu',
        ...options,
      });
    } else if (layer instanceof Linear && linear !== undefined) {
      const bound = 1 / Math.sqrt(layer.outFeatures);
      layer.weight.value =
        linear === 'fan_out'
          ? init.uniform(layer.weight.shape, { low: -bound, high: bound, ...options })
          : init.normal(layer.weight.shape, { std: linear, ...options });
    } else continue;
    const zero = layer instanceof Conv2d || linear !== undefined;
    if (zero && layer.bias !== undefined) {
      layer.bias.value = init.zeros(layer.bias.shape, { ...(dtype && { dtype }) });
    }
  }
}

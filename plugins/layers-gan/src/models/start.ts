/** Start values of networks that play against each other. */
import { BatchNorm2d, Conv2d, ConvTranspose2d, Parameter, init } from '@hebb/nn';
import type { Module } from '@hebb/nn';
import type { Generator } from '@hebb/core';
import { ones } from '@hebb/core';

/**
 * Weights of convolutions normal with deviation 0.02, scales of batch normalisation normal around 1: Radford et al.
 * 2016, arXiv:1511.06434, and the pix2pix paper. Returns the module.
 */
export function dcganInit<M extends Module>(module: M, generator?: Generator): M {
  const how = { std: 0.02, ...(generator && { generator }) };
  return module.apply((layer) => {
    if (layer instanceof Conv2d || layer instanceof ConvTranspose2d) {
      const { weight } = layer;
      if (weight instanceof Parameter) {
        weight.set(init.normal(weight.shape, { ...how, dtype: weight.dtype }));
      }
    } else if (layer instanceof BatchNorm2d && layer.weight !== undefined) {
      const { shape, dtype } = layer.weight;
      layer.weight.set(init.normal(shape, { ...how, dtype }).add(ones(shape, dtype)));
    }
  }) as M;
}

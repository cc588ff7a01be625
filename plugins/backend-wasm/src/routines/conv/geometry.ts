/** Sizes of a convolution: the compiler's. */
export {
  classesOf,
  combinations,
  geometryOf,
  product,
  reachedPadding,
  type AxisClass,
  type ConvGeometry,
} from '@hebb/compiler';

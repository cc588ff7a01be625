/** RandAugment: Cubuk et al. 2020, arXiv:1909.13719, with torchvision's operations and magnitudes. */

import { DataError } from '../error.ts';
import {
  adjustBrightness,
  adjustContrast,
  adjustSaturation,
  adjustSharpness,
  autocontrast,
  equalize,
  posterize,
  solarize,
} from './colour.ts';
import { inverseMatrix, warp } from './geometry.ts';
import type { AffineMap, Interpolation } from './geometry.ts';
import { fillOf } from './picture.ts';
import type { Fill, ImageTransform, Picture } from './picture.ts';

export interface RandAugmentOptions {
  /** Operations a picture, default 2. */
  readonly numOps?: number;
  /** How strong, 0 to `numMagnitudeBins` - 1; default 9. */
  readonly magnitude?: number;
  /** Default 31. */
  readonly numMagnitudeBins?: number;
  /** Default `nearest`. */
  readonly interpolation?: Interpolation;
  /** Default 0. */
  readonly fill?: Fill;
}

type Move = (picture: Picture, map: Partial<AffineMap>) => Picture;

interface Operation {
  /** Strength at `part` (0 to 1) of the greatest magnitude. */
  readonly level: (part: number, picture: Picture) => number;
  /** Whether the strength has a sign, which is drawn. */
  readonly signed: boolean;
  readonly apply: (picture: Picture, level: number, move: Move) => Picture;
}

const degrees = (radians: number): number => (radians * 180) / Math.PI;
/** torchvision shears about the top left corner. */
const corner = ({ width, height }: Picture): Partial<AffineMap> => ({
  center: [-width / 2, -height / 2],
});
const signed = (level: Operation['level'], apply: Operation['apply']): Operation => ({
  level,
  signed: true,
  apply,
});
const unsigned = (level: Operation['level'], apply: Operation['apply']): Operation => ({
  level,
  signed: false,
  apply,
});
const none = (): number => 0;
const colour = (adjust: (picture: Picture, factor: number) => Picture): Operation =>
  signed(
    (part) => 0.9 * part,
    (picture, level) => adjust(picture, 1 + level),
  );

/** By the names that torchvision gives them. */
export const randAugmentOperations: Readonly<Record<string, Operation>> = {
  Identity: unsigned(none, (picture) => picture),
  ShearX: signed(
    (part) => 0.3 * part,
    (picture, level, move) =>
      move(picture, { shear: [degrees(Math.atan(level)), 0], ...corner(picture) }),
  ),
  ShearY: signed(
    (part) => 0.3 * part,
    (picture, level, move) =>
      move(picture, { shear: [0, degrees(Math.atan(level))], ...corner(picture) }),
  ),
  TranslateX: signed(
    (part, { width }) => (150 / 331) * width * part,
    (picture, level, move) => move(picture, { translate: [Math.trunc(level), 0] }),
  ),
  TranslateY: signed(
    (part, { height }) => (150 / 331) * height * part,
    (picture, level, move) => move(picture, { translate: [0, Math.trunc(level)] }),
  ),
  Rotate: signed(
    (part) => 30 * part,
    (picture, level, move) => move(picture, { angle: -level }),
  ),
  Brightness: colour(adjustBrightness),
  Color: colour(adjustSaturation),
  Contrast: colour(adjustContrast),
  Sharpness: colour(adjustSharpness),
  Posterize: unsigned((part) => 8 - Math.round(4 * part), posterize),
  Solarize: unsigned((part) => 1 - part, solarize),
  AutoContrast: unsigned(none, autocontrast),
  Equalize: unsigned(none, equalize),
};

/** `numOps` operations drawn from fourteen, all of one magnitude. Wants 1 or 3 channels. */
export function randAugment(options: RandAugmentOptions = {}): ImageTransform {
  const op = 'randAugment';
  const { numOps = 2, magnitude = 9, numMagnitudeBins = 31 } = options;
  const { interpolation = 'nearest', fill = 0 } = options;
  for (const [name, value] of Object.entries({ numOps, magnitude, numMagnitudeBins })) {
    if (!Number.isInteger(value) || value < 0) {
      throw new DataError(op, `${name} is a whole number`, { got: String(value) });
    }
  }
  if (magnitude >= numMagnitudeBins || numMagnitudeBins < 2) {
    throw new DataError(op, 'magnitude is beyond the bins', {
      got: String(magnitude),
      wanted: `0 to ${numMagnitudeBins - 1}`,
    });
  }
  const part = magnitude / (numMagnitudeBins - 1);
  const operations = Object.values(randAugmentOperations);
  const move: Move = (picture, map) => {
    const whole: AffineMap = { angle: 0, translate: [0, 0], scale: 1, shear: [0, 0], ...map };
    const fillAt = fillOf(op, fill, picture.channels);
    return warp(picture, inverseMatrix(whole), interpolation, fillAt);
  };
  return (picture, random) => {
    let result = picture;
    for (let k = 0; k < numOps; k++) {
      const operation = operations[random.below(operations.length)]!;
      const level = operation.level(part, picture);
      const negative = operation.signed && random.uniform() < 0.5;
      result = operation.apply(result, negative ? -level : level, move);
    }
    return result;
  };
}

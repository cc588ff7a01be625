/** Pictures as files: the decoders of their formats are handed in by whoever imports the model. */
import type { Call } from '../call.ts';
import { numbersOf } from '../call.ts';
import type { Steps } from '../need.ts';
import type { Built, OperatorTable } from '../table.ts';
import type { HostTensor } from '../value.ts';

/** Pixels row by row: 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha, 8 bits each. */
export interface DecodedImage {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly data: Uint8Array;
}

/** A decoder of the formats that models should take; throws for what it does not know. */
export type ImageDecoder = (file: Uint8Array) => DecodedImage | Promise<DecodedImage>;

/** The bytes of a file to pixels [height, width, channels]. */
function* decode(c: Call, decodeImage: ImageDecoder | undefined): Steps<Built> {
  if (decodeImage === undefined) {
    return c.unsupported('no decoder of pictures was given: importOnnx(bytes, { decodeImage })');
  }
  const format = c.attr.string('pixel_format', 'RGB');
  if (!['RGB', 'BGR', 'Grayscale'].includes(format)) c.invalid(`pixel format ${format}`);
  const file = yield* numbersOf(c, c.value(0));
  if (!(file.data instanceof Uint8Array)) return c.invalid(`the file is ${file.dtype}, not uint8`);
  try {
    const image = decodeImage(file.data);
    if (!(image instanceof Promise)) return pixels(image, format);
    return yield { pending: image.then((decoded) => pixels(decoded, format)) };
  } catch (error) {
    return c.invalid(error instanceof Error ? error.message : String(error));
  }
}

function pixels({ width, height, channels, data }: DecodedImage, format: string): HostTensor {
  const count = width * height;
  const grey = channels <= 2;
  const depth = format === 'Grayscale' ? 1 : 3;
  const out = new Uint8Array(count * depth);
  for (let i = 0; i < count; i++) {
    const at = i * channels;
    const [r, g, b] = grey
      ? [data[at]!, data[at]!, data[at]!]
      : [data[at]!, data[at + 1]!, data[at + 2]!];
    if (depth === 1) {
      // Luma of ITU-R BT.601 in 16-bit fixed point, as Pillow has it.
      out[i] = grey ? r : (r * 19595 + g * 38470 + b * 7471 + 0x8000) >>> 16;
    } else {
      const [first, last] = format === 'BGR' ? [b, r] : [r, b];
      out.set([first, g, last], i * 3);
    }
  }
  return { dtype: 'uint8', shape: [height, width, depth], data: out };
}

export function imageOperators(decodeImage: ImageDecoder | undefined): OperatorTable {
  return { ImageDecoder: [{ since: 20, run: (c) => decode(c, decodeImage) }] };
}

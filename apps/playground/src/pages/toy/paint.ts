/** Values over a plane as colours: from the one kind's over the card's ground to the other's. */
import { rgb } from '../../ui/theme.ts';

/**
 * Paints values of -1 (negative) to 1 (positive); beyond they are cut. The canvas takes any size, the picture is
 * stretched to it.
 */
export function paintField(
  canvas: HTMLCanvasElement,
  values: Float32Array,
  size: number,
  strength = 1,
): void {
  const context = canvas.getContext('2d');
  if (context === null) return;
  const [low, middle, high] = [rgb('--map-negative'), rgb('--map-middle'), rgb('--map-positive')];
  const image = new ImageData(size, size);
  for (let i = 0; i < size * size; i++) {
    const value = Math.max(-1, Math.min(1, values[i]!));
    const end = value < 0 ? low : high;
    const share = Math.abs(value) * strength;
    for (let c = 0; c < 3; c++) {
      image.data[4 * i + c] = middle[c]! + (end[c]! - middle[c]!) * share;
    }
    image.data[4 * i + 3] = 255;
  }
  const small = new OffscreenCanvas(size, size);
  small.getContext('2d')!.putImageData(image, 0, 0);
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = 'high';
  context.drawImage(small, 0, 0, canvas.width, canvas.height);
}

/** Clouds and pictures on canvases. */
import { colour } from '../../ui/theme.ts';
import { paintField } from '../toy/paint.ts';
import { pictureSize } from './data.ts';
import { opinionSize } from './settings.ts';

/** The plane from -reach to reach. */
const reach = 1.2;

function dots(
  context: CanvasRenderingContext2D,
  places: Float32Array,
  style: string,
  radius: number,
): void {
  const { width } = context.canvas;
  context.fillStyle = style;
  for (let i = 0; i < places.length; i += 2) {
    const x = ((places[i]! / reach + 1) / 2) * width;
    const y = ((1 - places[i + 1]! / reach) / 2) * width;
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fill();
  }
}

/** Real points hollow and quiet, drawn ones full, above what the discriminator thinks of the plane. */
export function drawCloud(
  canvas: HTMLCanvasElement,
  real: Float32Array,
  samples: Float32Array,
  opinion: Float32Array | undefined,
): void {
  const context = canvas.getContext('2d');
  if (context === null) return;
  context.clearRect(0, 0, canvas.width, canvas.height);
  if (opinion !== undefined) {
    paintField(
      canvas,
      opinion.map((p) => 4 * (0.5 - p)),
      opinionSize,
      0.35,
    );
  }
  context.globalAlpha = 0.75;
  dots(context, real, colour('--edge'), 3.5);
  context.globalAlpha = 1;
  dots(context, samples, colour('--series-2'), 4);
}

/** The way between two noises as a line of points. */
export function drawWay(canvas: HTMLCanvasElement, way: Float32Array, at: number): void {
  const context = canvas.getContext('2d');
  if (context === null) return;
  const place = (i: number): readonly [number, number] => [
    ((way[2 * i]! / reach + 1) / 2) * canvas.width,
    ((1 - way[2 * i + 1]! / reach) / 2) * canvas.height,
  ];
  context.lineWidth = 4;
  context.strokeStyle = colour('--series-4');
  context.beginPath();
  for (let i = 0; i < way.length / 2; i++) context.lineTo(...place(i));
  context.stroke();
  context.fillStyle = colour('--series-4');
  context.strokeStyle = colour('--card');
  context.beginPath();
  context.arc(...place(at), 9, 0, 2 * Math.PI);
  context.fill();
  context.stroke();
}

/** Pictures side by side, light on the theme's ground, so many in a row. */
export function drawPictures(
  canvas: HTMLCanvasElement,
  samples: Float32Array,
  columns: number,
  scale: number,
): void {
  const pixels = pictureSize ** 2;
  const count = Math.floor(samples.length / pixels);
  const rows = Math.ceil(count / columns);
  const cell = pictureSize + 2;
  const [width, height] = [columns * cell - 2, rows * cell - 2];
  canvas.width = width * scale;
  canvas.height = height * scale;
  const context = canvas.getContext('2d');
  if (context === null || count === 0) return;
  const image = new ImageData(width, height);
  for (let n = 0; n < count; n++) {
    const [left, top] = [(n % columns) * cell, Math.floor(n / columns) * cell];
    for (let i = 0; i < pixels; i++) {
      const at = (top + Math.floor(i / pictureSize)) * width + left + (i % pictureSize);
      const grey = Math.round(127.5 * (samples[n * pixels + i]! + 1));
      image.data.set([grey, grey, grey, 255], 4 * at);
    }
  }
  const small = new OffscreenCanvas(width, height);
  small.getContext('2d')!.putImageData(image, 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, 0, canvas.width, canvas.height);
}

/** Pictures of any size and kind as ink on the drawing pad. */

/** Largest picture that is decoded; browsers give up somewhere above. */
const mostBytes = 64 * 2 ** 20;

/**
 * Ink of a picture file, 0 to 255, in a square of `side`: scaled to fit, dark on light or light on dark.
 * @throws Error that says what is wrong with the file.
 */
export async function inkOf(
  file: Blob & { readonly name?: string },
  side: number,
): Promise<Uint8Array> {
  const name = file.name ?? 'The picture';
  if (file.size > mostBytes) {
    throw new Error(`${name} is larger than 64 MB. Take a smaller picture.`);
  }
  let picture: ImageBitmap;
  try {
    picture = await createImageBitmap(file);
  } catch (error) {
    throw new Error(
      `${name} is no picture that this browser can read. Take a PNG, JPEG or WebP file.`,
      {
        cause: error,
      },
    );
  }
  const canvas = new OffscreenCanvas(side, side);
  const context = canvas.getContext('2d', { willReadFrequently: true })!;
  const scale = (0.8 * side) / Math.max(picture.width, picture.height);
  const [width, height] = [picture.width * scale, picture.height * scale].map((x) =>
    Math.max(1, Math.round(x)),
  ) as [number, number];
  const [x, y] = [Math.round((side - width) / 2), Math.round((side - height) / 2)];
  // Transparent pictures lie on white paper.
  context.fillStyle = '#fff';
  context.fillRect(x, y, width, height);
  context.imageSmoothingQuality = 'high';
  context.drawImage(picture, x, y, width, height);
  picture.close();
  const { data } = context.getImageData(x, y, width, height);
  const grey = Float32Array.from(
    { length: width * height },
    (_, i) => 0.299 * data[4 * i]! + 0.587 * data[4 * i + 1]! + 0.114 * data[4 * i + 2]!,
  );
  const paper = medianOfEdge(grey, width, height);
  // Ink is what differs from the paper; the strongest is black.
  const difference = grey.map((value) => Math.abs(value - paper));
  const strongest = difference.reduce((most, value) => Math.max(most, value), 0);
  const ink = new Uint8Array(side * side);
  if (strongest < 16) return ink;
  difference.forEach((value, i) => {
    const share = Math.min(1, Math.max(0, (value / strongest - 0.15) / 0.6));
    ink[(y + Math.floor(i / width)) * side + x + (i % width)] = Math.round(255 * share);
  });
  return ink;
}

function medianOfEdge(grey: Float32Array, width: number, height: number): number {
  const edge: number[] = [];
  for (let x = 0; x < width; x++) edge.push(grey[x]!, grey[(height - 1) * width + x]!);
  for (let y = 0; y < height; y++) edge.push(grey[y * width]!, grey[y * width + width - 1]!);
  edge.sort((a, b) => a - b);
  return edge[edge.length >> 1]!;
}

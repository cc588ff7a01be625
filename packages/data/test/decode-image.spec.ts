/** Pictures of formats beyond PNG. JPEG, WebP, TIFF and JPEG 2000 are also checked by the ONNX suite's cases. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { encode as encodeBmp } from 'fast-bmp';
import { DataError, decodePnm, encodePng } from '../src/index.ts';
import { decodeImage, imageFormat } from '../src/node.ts';

const text = (head: string, ...samples: number[]): Uint8Array =>
  Uint8Array.from([...new TextEncoder().encode(head), ...samples]);

describe('decodePnm', () => {
  it('reads text and bytes, with comments and several ranges', () => {
    const rgb = { width: 2, height: 1, channels: 3 };
    expect(decodePnm(text('P3\n# two pixels\n2 1 255\n1 2 3  4 5 6\n'))).toEqual({
      ...rgb,
      data: Uint8Array.of(1, 2, 3, 4, 5, 6),
    });
    expect(decodePnm(text('P6 2 1 255\n', 1, 2, 3, 4, 5, 6)).data).toEqual(
      Uint8Array.of(1, 2, 3, 4, 5, 6),
    );
    expect(decodePnm(text('P5 2 1 15\n', 0, 15)).data).toEqual(Uint8Array.of(0, 255));
    expect(decodePnm(text('P5 2 1 65535\n', 0xff, 0xff, 0x80, 0)).data).toEqual(
      Uint8Array.of(255, 128),
    );
    expect(decodePnm(text('P1 3 1\n101')).data).toEqual(Uint8Array.of(0, 255, 0));
    expect(decodePnm(text('P4 9 2\n', 0x80, 0x80, 0, 0)).data).toEqual(
      Uint8Array.of(0, 255, 255, 255, 255, 255, 255, 255, 0, ...new Array<number>(9).fill(255)),
    );
  });
  it('refuses what is broken or too large', () => {
    for (const bad of ['P7 1 1 1\n', 'P5 1', 'P5 2 2 255\n\x01', 'P2 1 1 3 9', 'P5 0 1 1\n'])
      expect(() => decodePnm(text(bad))).toThrow(DataError);
    expect(() => decodePnm(text('P5 9000000000 9 1\n'))).toThrow(/too large/);
  });
});

describe('decodeImage', () => {
  it('knows formats by their first bytes', () => {
    expect(imageFormat(text('BM'))).toBe('bmp');
    expect(imageFormat(text('GIF89a'))).toBeUndefined();
    expect(imageFormat(new Uint8Array())).toBeUndefined();
  });
  it('reads PNG and BMP', async () => {
    const data = Uint8Array.from({ length: 5 * 3 * 3 }, (_, i) => (i * 37) % 256);
    const image = { width: 5, height: 3, channels: 3 as const, data };
    expect(await decodeImage(encodePng(image))).toEqual(image);
    const bmp = encodeBmp({ ...image, components: 3, bitsPerPixel: 24 });
    expect(await decodeImage(new Uint8Array(bmp))).toEqual(image);
  });
  it('reads JPEG and WebP as their reference encoders wrote them', async () => {
    const require = createRequire(import.meta.url);
    const load = async (file: string) => WebAssembly.compile(await readFile(require.resolve(file)));
    const jpeg = await import('@jsquash/jpeg/encode.js');
    const webp = await import('@jsquash/webp/encode.js');
    type Init = (module: WebAssembly.Module) => Promise<unknown>;
    await (jpeg.init as Init)(await load('@jsquash/jpeg/codec/enc/mozjpeg_enc.wasm'));
    await (webp.init as Init)(await load('@jsquash/webp/codec/enc/webp_enc.wasm'));
    const data = Uint8ClampedArray.from({ length: 16 * 16 * 4 }, (_, i) =>
      i % 4 === 3 ? 255 : (i >> 6) * 16,
    );
    const image = { width: 16, height: 16, data } as ImageData;
    const expectClose = async (file: ArrayBuffer, within: number) => {
      const got = await decodeImage(new Uint8Array(file));
      expect([got.width, got.height, got.channels]).toEqual([16, 16, 3]);
      const worst = got.data.reduce((most, value, i) => {
        const wanted = data[Math.floor(i / 3) * 4 + (i % 3)]!;
        return Math.max(most, Math.abs(value - wanted));
      }, 0);
      expect(worst).toBeLessThanOrEqual(within);
    };
    await expectClose(await jpeg.default(image, { quality: 100 }), 4);
    await expectClose(await webp.default(image, { lossless: 1 }), 0);
  });
  it('says what it got for broken files and unknown formats', async () => {
    await expect(decodeImage(text('GIF89a......'))).rejects.toThrow(/unknown format/);
    const broken = Uint8Array.of(0xff, 0xd8, 0xff, 0xe0, 1, 2, 3);
    await expect(decodeImage(broken)).rejects.toThrow(/broken jpeg/);
    await expect(decodeImage(broken)).rejects.toThrow(/broken jpeg/);
    await expect(decodeImage(text('II*\0', 9, 9))).rejects.toThrow(/broken tiff/);
    const image = { width: 5, height: 5, channels: 1 as const, data: new Uint8Array(25) };
    await expect(decodeImage(encodePng(image), { maxPixels: 24 })).rejects.toThrow(DataError);
  });
});

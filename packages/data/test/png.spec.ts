import { deflateSync } from 'node:zlib';
import { PNG } from 'pngjs';
import { DataError, Philox, decodePng, encodePng, type Image } from '../src/index.ts';

function noise(width: number, height: number, channels: Image['channels'], seed = 1): Image {
  const random = new Philox(seed);
  const data = Uint8Array.from({ length: width * height * channels }, () => random.below(256));
  return { data, width, height, channels };
}

/** What pngjs, which always gives RGBA, must say about an image. */
function toRgba({ data, channels }: Image): number[] {
  const out: number[] = [];
  for (let i = 0; i < data.length; i += channels) {
    const [a = 0, b = 0, c = 0, d = 0] = data.subarray(i, i + channels);
    if (channels === 1) out.push(a, a, a, 255);
    if (channels === 2) out.push(a, a, a, b);
    if (channels === 3) out.push(a, b, c, 255);
    if (channels === 4) out.push(a, b, c, d);
  }
  return out;
}

const crcTable = Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c >>> 0;
});

function chunk(type: string, body: Uint8Array): Buffer {
  const out = Buffer.alloc(12 + body.length);
  out.writeUInt32BE(body.length, 0);
  out.write(type, 4, 'latin1');
  out.set(body, 8);
  let crc = 0xffffffff;
  for (const byte of out.subarray(4, 8 + body.length)) {
    crc = (crcTable[(crc ^ byte) & 255] as number) ^ (crc >>> 8);
  }
  out.writeUInt32BE((crc ^ 0xffffffff) >>> 0, 8 + body.length);
  return out;
}

interface Parts {
  readonly width: number;
  readonly height: number;
  readonly depth?: number;
  readonly colourType?: number;
  readonly interlace?: number;
  readonly raw: Uint8Array;
  readonly before?: readonly Buffer[];
}

/** A PNG put together by hand, for the variants that the encoder does not write. */
function build({
  width,
  height,
  depth = 8,
  colourType = 0,
  interlace = 0,
  raw,
  before = [],
}: Parts) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([depth, colourType, 0, 0, interlace], 8);
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', header),
    ...before,
    chunk('IDAT', deflateSync(raw)),
    chunk('IEND', new Uint8Array(0)),
  ]);
}

describe('encodePng and decodePng', () => {
  it.each([1, 2, 3, 4] as const)('agree with pngjs on %i channels', (channels) => {
    for (const [width, height] of [
      [1, 1],
      [28, 28],
      [31, 7],
    ] as const) {
      const image = noise(width, height, channels, channels);
      const bytes = encodePng(image);
      expect([...PNG.sync.read(Buffer.from(bytes)).data]).toEqual(toRgba(image));
      expect(decodePng(bytes)).toEqual(image);
    }
  });

  it.each([0, 2, 4, 6] as const)('decode what pngjs writes in colour type %i', (colourType) => {
    const png = new PNG({ width: 13, height: 9 });
    png.data.set(noise(13, 9, 4, 5).data);
    const options = { colorType: colourType, inputColorType: 6, inputHasAlpha: true } as const;
    const bytes = PNG.sync.write(png, options);
    expect(toRgba(decodePng(bytes))).toEqual([...PNG.sync.read(bytes).data]);
  });

  it.each([1, 2, 4])('decode grey of %i bits as pngjs does', (depth) => {
    const width = 11;
    const row = Math.ceil((width * depth) / 8);
    const raw = Uint8Array.from({ length: 3 * (row + 1) }, (_, i) =>
      i % (row + 1) ? (i * 77) & 255 : 0,
    );
    const bytes = build({ width, height: 3, depth, raw });
    const image = decodePng(bytes);
    expect(image.channels).toBe(1);
    expect(toRgba(image)).toEqual([...PNG.sync.read(bytes).data]);
  });

  it.each([2, 8])('decode palettes of %i bits, with and without transparency', (depth) => {
    const palette = chunk('PLTE', Uint8Array.of(255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 8, 7));
    const raw = depth === 8 ? Uint8Array.of(0, 0, 1, 2, 3) : Uint8Array.of(0, 0b00011011);
    const plain = build({ width: 4, height: 1, depth, colourType: 3, raw, before: [palette] });
    expect([...decodePng(plain).data]).toEqual([255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 8, 7]);
    const before = [palette, chunk('tRNS', Uint8Array.of(10, 20))];
    const clear = build({ width: 4, height: 1, depth, colourType: 3, raw, before });
    const image = decodePng(clear);
    expect(image.channels).toBe(4);
    expect([...image.data]).toEqual([...PNG.sync.read(clear).data]);
  });

  it('round 16 bits to 8, and make a transparent colour an alpha channel', () => {
    const raw = Uint8Array.of(0, 0x00, 0x00, 0x80, 0x80, 0xff, 0xff, 0x12, 0xff);
    const before = [chunk('tRNS', Uint8Array.of(0x80, 0x80))];
    const image = decodePng(build({ width: 4, height: 1, depth: 16, raw, before }));
    expect(image.channels).toBe(2);
    expect([...image.data]).toEqual([0, 255, 128, 0, 255, 255, 19, 255]);
  });

  it('decode interlaced images', () => {
    // Adam7 of 2x2: pass 1 holds (0,0), pass 6 (1,0), pass 7 the lower row.
    const raw = Uint8Array.of(0, 10, 0, 20, 0, 30, 40);
    const bytes = build({ width: 2, height: 2, interlace: 1, raw });
    expect([...decodePng(bytes).data]).toEqual([10, 20, 30, 40]);
    expect([...PNG.sync.read(bytes).data].filter((_, i) => i % 4 === 0)).toEqual([10, 20, 30, 40]);
  });

  it('read bytes at any offset of a larger buffer, with unknown extra chunks', () => {
    const bytes = build({
      width: 1,
      height: 1,
      raw: Uint8Array.of(0, 77),
      before: [chunk('tEXt', Buffer.from('a\0b')), chunk('iCCP', Buffer.from('x\0\0garbage'))],
    });
    const larger = new Uint8Array(bytes.length + 5);
    larger.set(bytes, 5);
    expect(decodePng(larger.subarray(5))).toEqual({
      data: Uint8Array.of(77),
      width: 1,
      height: 1,
      channels: 1,
    });
  });
});

describe('decodePng with bad input', () => {
  const good = Buffer.from(encodePng(noise(20, 20, 3)));
  const kindOf = (bytes: Uint8Array, maxPixels?: number) => {
    try {
      decodePng(bytes, maxPixels === undefined ? {} : { maxPixels });
    } catch (error) {
      if (error instanceof DataError) return [error.kind, error.message] as const;
      throw error;
    }
    return ['none', ''] as const;
  };

  it('refuses a file cut at any byte', () => {
    for (let end = 0; end < good.length; end++) {
      expect(kindOf(good.subarray(0, end))[0]).toBe('corrupt');
    }
  });

  it('refuses or survives any flipped byte: a checksum, the header or the signature tells', () => {
    for (let at = 0; at < good.length; at++) {
      const bad = Buffer.from(good);
      bad[at] = (bad[at] as number) ^ 0x55;
      expect(['corrupt', 'unsupported']).toContain(kindOf(bad)[0]);
    }
  });

  it('says what is wrong', () => {
    expect(kindOf(new Uint8Array(0))[1]).toBe('decodePng: PNG is empty');
    expect(kindOf(Buffer.from('GIF89a..........'))[1]).toBe('decodePng: PNG is not a PNG file');
    expect(() => decodePng(good.subarray(0, 50), { name: 'cat.png' })).toThrow(
      'decodePng: cat.png ends at byte 50 within its IDAT chunk',
    );
    const raw = new Uint8Array(5);
    const cases: [Parts, string][] = [
      [{ width: 4, height: 1, raw: new Uint8Array(4) }, 'image data for 4 of 5 bytes'],
      [{ width: 4, height: 1, raw: new Uint8Array(6) }, 'more image data than its size of 5'],
      [{ width: 0, height: 1, raw }, 'claims a size of 0x1'],
      [{ width: 4, height: 1, depth: 3, raw }, 'colour type 0 with 3 bits'],
      [{ width: 4, height: 1, colourType: 5, raw }, 'colour type 5'],
      [{ width: 4, height: 1, colourType: 3, raw }, 'has no palette'],
      [{ width: 4, height: 1, interlace: 2, raw }, 'does not exist'],
      [{ width: 4, height: 1, raw: Uint8Array.of(9, 0, 0, 0, 0) }, 'cannot be decoded'],
      [
        {
          width: 1,
          height: 1,
          colourType: 3,
          raw: Uint8Array.of(0, 4),
          before: [chunk('PLTE', new Uint8Array(3))],
        },
        'uses a colour that its palette lacks (got index 4, wanted 0 to 0)',
      ],
    ];
    for (const [parts, message] of cases) {
      const [kind, got] = kindOf(build(parts));
      expect(got).toContain(message);
      expect(kind).toBe('corrupt');
    }
    expect(kindOf(build({ width: 8, height: 1, depth: 1, interlace: 1, raw }))[0]).toBe(
      'unsupported',
    );
    expect(
      kindOf(build({ width: 4, height: 1, raw, before: [chunk('XYZW', new Uint8Array(1))] })),
    ).toEqual(['unsupported', 'decodePng: PNG needs the unknown chunk XYZW']);
  });

  it('turns large and expanding images away before allocating for them', () => {
    expect(kindOf(good, 399)).toEqual([
      'too-large',
      'decodePng: PNG is too large (got 20x20, wanted at most 399 pixels)',
    ]);
    expect(kindOf(good, 400)[0]).toBe('none');
    const huge = build({ width: 0x7fffffff, height: 0x7fffffff, raw: new Uint8Array(1) });
    expect(kindOf(huge)[0]).toBe('too-large');
    // 200 MB of zeros in 200 KB: found out after a few MB.
    const bomb = build({ width: 10, height: 10, raw: new Uint8Array(200_000_000) });
    const before = process.memoryUsage().arrayBuffers;
    expect(kindOf(bomb)[1]).toContain('more image data than its size of 110');
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(100_000_000);
  });

  it('refuses to encode pixels that do not fit their size', () => {
    const bad = { data: new Uint8Array(5), width: 2, height: 2, channels: 1 } as const;
    expect(() => encodePng(bad)).toThrow('got 5 bytes, wanted 4 for 2x2 with 1 channels');
    expect(() => encodePng({ ...bad, width: 0 })).toThrow('no usable size');
  });
});

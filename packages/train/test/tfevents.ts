/**
 * A reader of event files that shares no code with the writer: TFRecord framing with checksums computed bit by
 * bit, and protocol buffers decoded by wire type, after the public descriptions of both formats.
 */
export interface Field {
  readonly number: number;
  /** A number for varints and fixed-size ones, bytes for the rest. */
  readonly value: number | Buffer;
}

function crc32cSlowly(bytes: Buffer): number {
  let remainder = 0xffffffff;
  for (const byte of bytes) {
    for (let bit = 0; bit < 8; bit++) {
      const carry = (remainder ^ (byte >> bit)) & 1;
      remainder = (remainder >>> 1) ^ (carry ? 0x82f63b78 : 0);
    }
  }
  return ~remainder >>> 0;
}
const check = (bytes: Buffer, stored: number, what: string): void => {
  const rotated = (stored - 0xa282ead8) >>> 0;
  const crc = ((rotated >>> 17) | (rotated << 15)) >>> 0;
  if (crc !== crc32cSlowly(bytes)) throw new Error(`the checksum of the ${what} is wrong`);
};

export function readRecords(file: Buffer): Buffer[] {
  const records: Buffer[] = [];
  for (let at = 0; at < file.length;) {
    const length = Number(file.readBigUInt64LE(at));
    check(file.subarray(at, at + 8), file.readUInt32LE(at + 8), 'length');
    const data = file.subarray(at + 12, at + 12 + length);
    if (data.length !== length) throw new Error('the file is cut off');
    check(data, file.readUInt32LE(at + 12 + length), 'data');
    records.push(data);
    at += 16 + length;
  }
  return records;
}

function varint(bytes: Buffer, at: number): [bigint, number] {
  let value = 0n;
  for (let shift = 0n; ; shift += 7n) {
    const byte = bytes[at++]!;
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return [value, at];
  }
}

export function readFields(bytes: Buffer): Field[] {
  const fields: Field[] = [];
  for (let at = 0; at < bytes.length;) {
    let key: bigint;
    [key, at] = varint(bytes, at);
    const number = Number(key >> 3n);
    const type = Number(key & 7n);
    if (type === 0) {
      let value: bigint;
      [value, at] = varint(bytes, at);
      fields.push({ number, value: Number(BigInt.asIntN(64, value)) });
    } else if (type === 1) {
      fields.push({ number, value: bytes.readDoubleLE(at) });
      at += 8;
    } else if (type === 5) {
      fields.push({ number, value: bytes.readFloatLE(at) });
      at += 4;
    } else if (type === 2) {
      let length: bigint;
      [length, at] = varint(bytes, at);
      fields.push({ number, value: bytes.subarray(at, at + Number(length)) });
      at += Number(length);
    } else throw new Error(`wire type ${type}`);
  }
  return fields;
}

/** All values of a field. */
export const all = (bytes: Buffer | Field[], number: number): (number | Buffer)[] =>
  (Array.isArray(bytes) ? bytes : readFields(bytes))
    .filter((field) => field.number === number)
    .map(({ value }) => value);
export const one = (bytes: Buffer | Field[], number: number): number | Buffer | undefined =>
  all(bytes, number)[0];
export const sub = (bytes: Buffer, ...path: number[]): Buffer =>
  path.reduce((inner, number) => one(inner, number) as Buffer, bytes);

export interface SummaryValue {
  readonly step: number;
  readonly wallTime: number;
  readonly tag: string;
  readonly value: Buffer;
}

/** Every value of every summary in a file. */
export function readSummaries(file: Buffer): SummaryValue[] {
  return readRecords(file).flatMap((record) => {
    const summary = one(record, 5);
    if (summary === undefined) return [];
    return all(summary as Buffer, 1).map((value) => ({
      wallTime: one(record, 1) as number,
      step: one(record, 2) as number,
      tag: String(one(value as Buffer, 1)),
      value: value as Buffer,
    }));
  });
}

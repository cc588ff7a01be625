/** A protobuf writer that takes bigint and typed arrays, and refuses what it cannot represent. */
import protobuf from 'protobufjs/minimal.js';
import { OnnxFormatError } from './errors.ts';

/** Protobuf's limit on a message: lengths are signed 32-bit numbers. */
export const MAX_MESSAGE_BYTES = 0x7fff_ffff;

type Int64 = Parameters<protobuf.Writer['int64']>[0] | bigint;

export class OnnxWriter extends protobuf.Writer {
  /** @param sizeHint Bytes to reserve, so that large tensors are not copied as the buffer grows. */
  constructor(sizeHint: number) {
    super();
    if (sizeHint > MAX_MESSAGE_BYTES) {
      throw new OnnxFormatError(
        `the message would take ${sizeHint} bytes, more than the 2 GB that protobuf allows; ` +
          `store large tensors as external data`,
      );
    }
    this.buf = new Uint8Array(sizeHint);
  }

  override int64(value: Int64): this {
    super.int64(halves(value, false));
    return this;
  }

  override uint64(value: Int64): this {
    super.uint64(halves(value, true));
    return this;
  }

  override int64s(values: ArrayLike<Int64>): this {
    super.int64s(Array.from(values, (value) => halves(value, false)));
    return this;
  }

  override uint64s(values: ArrayLike<Int64>): this {
    super.uint64s(Array.from(values, (value) => halves(value, true)));
    return this;
  }

  override int32(value: number): this {
    if (!Number.isInteger(value)) throw unfit('an integer', value);
    super.int32(value);
    return this;
  }

  override float(value: number): this {
    if (typeof value !== 'number') throw unfit('a number', value);
    super.float(value);
    return this;
  }

  override string(value: string): this {
    if (typeof value !== 'string') throw unfit('a string', value);
    super.string(value);
    return this;
  }

  override bytes(value: Uint8Array | string): this {
    if (!(value instanceof Uint8Array)) throw unfit('a Uint8Array', value);
    super.bytes(value);
    return this;
  }
}

function halves(value: Int64, unsigned: boolean): Exclude<Int64, bigint> {
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) throw unfit('an exact integer', value);
    return value;
  }
  if (typeof value !== 'bigint') throw unfit('an integer', value);
  const fits = unsigned ? BigInt.asUintN(64, value) : BigInt.asIntN(64, value);
  if (fits !== value) throw unfit(unsigned ? 'an unsigned 64-bit integer' : 'an int64', value);
  const low = Number(BigInt.asUintN(32, value));
  const high = Number(BigInt.asUintN(32, value >> 32n));
  return { low, high, unsigned } as Exclude<Int64, bigint | number | string>;
}

function unfit(wanted: string, got: unknown): OnnxFormatError {
  const shown = typeof got === 'string' ? JSON.stringify(got) : String(got);
  return new OnnxFormatError(`cannot write ${shown}: the field wants ${wanted}`);
}

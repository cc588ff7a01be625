/**
 * A protobuf reader for untrusted files: exact 64-bit integers without a Long library, packed
 * numbers as typed arrays instead of lists, and an error that says what is wrong and where.
 */
import protobuf from 'protobufjs/minimal.js';
import { OnnxFormatError } from './errors.ts';

export interface DecodeLimits {
  /**
   * How many messages, strings, byte fields and unpacked integers a file may hold; default 4
   * million. A message of two bytes becomes an object of a hundred, so this, not the size of the
   * file, bounds the memory.
   */
  readonly maxFields?: number;
}

const DEFAULT_MAX_FIELDS = 4_000_000;

/** A varint has at most ten bytes (7 bits each of 64). */
const MAX_VARINT_BYTES = 10;

export class OnnxReader extends protobuf.Reader {
  #fieldsLeft: number;
  readonly #maxFields: number;

  constructor(bytes: Uint8Array, limits: DecodeLimits = {}) {
    // A Buffer's subarray is a Buffer: views handed out are to be plain Uint8Arrays.
    super(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    this.discardUnknown = false;
    this.#maxFields = limits.maxFields ?? DEFAULT_MAX_FIELDS;
    this.#fieldsLeft = this.#maxFields;
  }

  /** The length in front of a message, string, byte field or packed list. */
  override size(): number {
    const start = this.pos;
    const length = super.size();
    if (length > this.len - this.pos) {
      throw new OnnxFormatError(
        `a field at byte ${start} claims ${length} bytes, but only ${this.len - this.pos} are left`,
        { offset: start },
      );
    }
    this.countField();
    return length;
  }

  override raw(start: number, end: number): Uint8Array {
    this.countField();
    return super.raw(start, end);
  }

  countField(): void {
    if (--this.#fieldsLeft < 0) {
      throw new OnnxFormatError(
        `more than ${this.#maxFields} fields at byte ${this.pos}; raise maxFields to read this file`,
        { offset: this.pos },
      );
    }
  }

  /** Reads a varint into `out[at]` (low half) and `out[at + 1]` (high half). */
  varint64(out: Uint32Array, at: number): void {
    const { buf, len } = this;
    let pos = this.pos;
    let lo = 0;
    let hi = 0;
    for (let i = 0; i < MAX_VARINT_BYTES; i++) {
      if (pos >= len) {
        throw new OnnxFormatError(`the data ends inside of a number at byte ${pos}`, {
          offset: pos,
        });
      }
      const byte = buf[pos++]!;
      const bits = byte & 127;
      const shift = 7 * i;
      if (shift < 28) lo |= bits << shift;
      else if (shift === 28) {
        lo |= bits << 28;
        hi |= bits >>> 4;
      } else hi |= bits << (shift - 32);
      if (byte < 128) {
        out[at] = lo;
        out[at + 1] = hi;
        this.pos = pos;
        return;
      }
    }
    throw new OnnxFormatError(`a number of more than ten bytes at byte ${this.pos}`, {
      offset: this.pos,
    });
  }

  /** Enters a packed list: its end, and how many varints it holds. */
  packedVarints(): { end: number; count: number } {
    const end = this.size() + this.pos;
    let count = 0;
    for (let i = this.pos; i < end; i++) if (this.buf[i]! < 128) count++;
    if (end > this.pos && this.buf[end - 1]! >= 128) {
      throw new OnnxFormatError(`a list of numbers ends inside of a number at byte ${end}`, {
        offset: end,
      });
    }
    return { end, count };
  }

  /** Enters a packed list of `width`-byte values and returns a copy of its bytes, so aligned. */
  packedBytes(width: number): ArrayBuffer {
    const start = this.pos;
    const length = this.size();
    if (length % width !== 0) {
      throw new OnnxFormatError(
        `a list of ${width}-byte numbers at byte ${start} is ${length} bytes long`,
        { offset: start },
      );
    }
    const bytes = new Uint8Array(length);
    bytes.set(this.buf.subarray(this.pos, this.pos + length));
    this.pos += length;
    return bytes.buffer;
  }
}

/** One 64-bit value, as two halves and as a whole. */
const scratch = new Uint32Array(2);
const scratchSigned = new BigInt64Array(scratch.buffer);
const scratchUnsigned = new BigUint64Array(scratch.buffer);

const isSafeHigh = (hi: number) => hi >= -0x20_0000 && hi < 0x20_0000;

/** What a packed list is read into; {@link plain} joins the pieces. */
type Pieces = unknown[];

function push(target: Pieces, piece: { readonly length: number }): void {
  if (piece.length > 0) target.push(piece);
}

/**
 * These return other types than protobufjs declares (no Long, no lists of numbers), hence they are
 * assigned, not overridden. The generated code only stores what it gets.
 */
Object.assign(OnnxReader.prototype, {
  /** A number when it is exact, else a bigint. */
  int64(this: OnnxReader): number | bigint {
    this.countField();
    this.varint64(scratch, 0);
    const hi = scratch[1]! | 0;
    return isSafeHigh(hi) ? hi * 0x1_0000_0000 + scratch[0]! : scratchSigned[0]!;
  },
  uint64(this: OnnxReader): number | bigint {
    this.countField();
    this.varint64(scratch, 0);
    const hi = scratch[1]!;
    return isSafeHigh(hi) ? hi * 0x1_0000_0000 + scratch[0]! : scratchUnsigned[0]!;
  },
  int32s(this: OnnxReader, target: Pieces): void {
    const { count } = this.packedVarints();
    const values = new Int32Array(count);
    for (let i = 0; i < count; i++) {
      this.varint64(scratch, 0);
      values[i] = scratch[0]!;
    }
    push(target, values);
  },
  int64s(this: OnnxReader, target: Pieces): void {
    const { count } = this.packedVarints();
    const halves = new Uint32Array(2 * count);
    for (let i = 0; i < count; i++) this.varint64(halves, 2 * i);
    push(target, new BigInt64Array(halves.buffer));
  },
  uint64s(this: OnnxReader, target: Pieces): void {
    const { count } = this.packedVarints();
    const halves = new Uint32Array(2 * count);
    for (let i = 0; i < count; i++) this.varint64(halves, 2 * i);
    push(target, new BigUint64Array(halves.buffer));
  },
  floats(this: OnnxReader, target: Pieces): void {
    push(target, new Float32Array(this.packedBytes(4)));
  },
  doubles(this: OnnxReader, target: Pieces): void {
    push(target, new Float64Array(this.packedBytes(8)));
  },
});

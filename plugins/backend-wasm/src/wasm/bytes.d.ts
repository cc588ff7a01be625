/** Growing byte output with the integer encodings of the WebAssembly binary format (spec section 5.2). */
export declare class ByteWriter {
  #private;
  /** Places of function numbers that are known only when the module is complete. */
  readonly references: {
    readonly at: number;
    readonly target: object;
  }[];
  get length(): number;
  byte(value: number): void;
  bytes(values: ArrayLike<number>): void;
  /** Unsigned LEB128, up to 2^53. */
  u(value: number): void;
  /** Room for the number of a function: two bytes, filled in by `resolve`. */
  reference(target: object): void;
  /** Writes the numbers of referred functions, below 2^14. */
  resolve(numberOf: (target: object) => number): void;
  /** Signed LEB128. */
  s(value: number | bigint): void;
  f32(value: number): void;
  f64(value: number): void;
  name(text: string): void;
  /** A section or body: its length, then its bytes. */
  sized(inner: ByteWriter): void;
  view(): Uint8Array;
  finish(): Uint8Array<ArrayBuffer>;
}

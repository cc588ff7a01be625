/** Growing byte output with the integer encodings of the WebAssembly binary format (spec section 5.2). */
export class ByteWriter {
  /** Places of function numbers that are known only when the module is complete. */
  readonly references: { readonly at: number; readonly target: object }[] = [];
  #bytes = new Uint8Array(1024);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  bytes(values: ArrayLike<number>): void {
    this.#reserve(values.length);
    this.#bytes.set(values, this.#length);
    this.#length += values.length;
  }

  /** Unsigned LEB128, up to 2^53. */
  u(value: number): void {
    let rest = value;
    while (rest >= 128) {
      this.byte((rest % 128) | 128);
      rest = Math.floor(rest / 128);
    }
    this.byte(rest);
  }

  /** Room for the number of a function: two bytes, filled in by `resolve`. */
  reference(target: object): void {
    this.references.push({ at: this.#length, target });
    this.bytes([0x80, 0]);
  }

  /** Writes the numbers of referred functions, below 2^14. */
  resolve(numberOf: (target: object) => number): void {
    for (const { at, target } of this.references) {
      const value = numberOf(target);
      this.#bytes[at] = (value & 127) | 128;
      this.#bytes[at + 1] = value >> 7;
    }
  }

  /** Signed LEB128. */
  s(value: number | bigint): void {
    let rest = BigInt(value);
    for (;;) {
      const low = Number(rest & 127n);
      rest >>= 7n;
      if ((rest === 0n && low < 64) || (rest === -1n && low >= 64)) {
        this.byte(low);
        return;
      }
      this.byte(low | 128);
    }
  }

  f32(value: number): void {
    this.bytes(new Uint8Array(Float32Array.of(value).buffer));
  }

  f64(value: number): void {
    this.bytes(new Uint8Array(Float64Array.of(value).buffer));
  }

  name(text: string): void {
    const encoded = new TextEncoder().encode(text);
    this.u(encoded.length);
    this.bytes(encoded);
  }

  /** A section or body: its length, then its bytes. */
  sized(inner: ByteWriter): void {
    this.u(inner.length);
    this.bytes(inner.view());
  }

  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + more));
    grown.set(this.view());
    this.#bytes = grown;
  }
}

/** Lists of numbers as JSON bodies hold them, without an object for each number. */

/** Numbers of a list that is nested regularly, in row-major order. */
export class Numbers {
  readonly shape: readonly number[];
  /** A view of memory that the next body is read into as well: to be converted before anything is awaited. */
  readonly data: Float64Array;
  /** Integers that a double does not hold, by their position. */
  readonly exact: ReadonlyMap<number, bigint> | undefined;

  constructor(
    shape: readonly number[],
    data: Float64Array,
    exact: ReadonlyMap<number, bigint> | undefined,
  ) {
    this.shape = shape;
    this.data = data;
    this.exact = exact;
  }

  /** The JSON that it came from, in its shortest form. */
  toText(): string {
    const { shape, data, exact } = this;
    const rank = shape.length;
    const row = shape[rank - 1]!;
    const level = (axis: number, at: number, size: number): string => {
      if (axis === rank - 1) {
        const own = data.subarray(at, at + row);
        if (exact === undefined) return `[${own.join()}]`;
        return `[${Array.from(own, (x, i) => exact.get(at + i) ?? x).join()}]`;
      }
      const inner = size / shape[axis]!;
      const items = Array.from({ length: shape[axis]! }, (_, i) =>
        level(axis + 1, at + i * inner, inner),
      );
      return `[${items.join()}]`;
    };
    return level(0, 0, data.length);
  }
}

/** What movement and indexing primitives mean: where each element comes from. */
import type { Attrs, Aval } from '@hebb/core';
import { at, build, compare, positions, store } from './values.ts';
import type { Num, Value } from './values.ts';

const list = (attrs: Attrs, name: string): readonly number[] => attrs[name] as readonly number[];

type Rule = (inputs: readonly Value[], attrs: Attrs, out: Aval) => Value;

function replaceAt(position: readonly number[], axis: number, value: number): number[] {
  return position.map((p, i) => (i === axis ? value : p));
}

/** Elements of a flat array, changed in place by `write`, in the shape of x. */
function scatterInto(x: Value, write: (set: (position: number[], value: Num) => void) => void) {
  const data = [...x.data];
  const strides = x.shape.map((_, i) => x.shape.slice(i + 1).reduce((n, d) => n * d, 1));
  return (reduce: string): Value => {
    write((position, value) => {
      position.forEach((p, i) => {
        if (p < 0 || p >= x.shape[i]!) throw new RangeError(`index ${p} outside ${x.shape[i]}`);
      });
      const flat = position.reduce((sum, p, i) => sum + p * strides[i]!, 0);
      const old = data[flat]!;
      const both = (f: (a: bigint, b: bigint) => bigint, g: (a: number, b: number) => number) =>
        typeof old === 'bigint' || typeof value === 'bigint'
          ? f(BigInt(old), BigInt(value))
          : g(old, value);
      const next =
        reduce === 'add'
          ? both(
              (a, b) => a + b,
              (a, b) => a + b,
            )
          : reduce === 'mul'
            ? both(
                (a, b) => a * b,
                (a, b) => a * b,
              )
            : reduce === 'max'
              ? Number.isNaN(old) || compare(value, old) > 0
                ? Number.isNaN(old)
                  ? old
                  : value
                : old
              : reduce === 'min'
                ? Number.isNaN(value) || (!Number.isNaN(old) && compare(value, old) < 0)
                  ? value
                  : old
                : value;
      data[flat] = store(next, x.dtype);
    });
    return { shape: x.shape, dtype: x.dtype, data };
  };
}

export const movementRules: Readonly<Record<string, Rule>> = {
  reshape: ([x], _, out) => ({ ...out, data: x!.data }),
  permute: ([x], attrs, out) =>
    build(out, (position) => {
      const source = new Array<number>(position.length);
      list(attrs, 'axes').forEach((axis, i) => (source[axis] = position[i]!));
      return at(x!, source);
    }),
  expand: ([x], _, out) =>
    build(out, (position) => {
      const tail = position.slice(position.length - x!.shape.length);
      return at(
        x!,
        tail.map((p, i) => (x!.shape[i] === 1 ? 0 : p)),
      );
    }),
  slice: ([x], attrs, out) =>
    build(out, (position) =>
      at(
        x!,
        position.map((p, i) => list(attrs, 'starts')[i]! + p * list(attrs, 'steps')[i]!),
      ),
    ),
  flip: ([x], attrs, out) =>
    build(out, (position) =>
      at(
        x!,
        position.map((p, i) => (list(attrs, 'axes').includes(i) ? x!.shape[i]! - 1 - p : p)),
      ),
    ),
  pad: ([x], attrs, out) =>
    build(out, (position) => {
      const source = position.map((p, i) => {
        const offset = p - list(attrs, 'low')[i]!;
        const gap = list(attrs, 'interior')[i]! + 1;
        return offset % gap === 0 ? offset / gap : -1;
      });
      const inside = source.every((p, i) => p >= 0 && p < x!.shape[i]!);
      return inside ? at(x!, source) : (attrs['value'] as Num);
    }),
  concat: (inputs, attrs, out) =>
    build(out, (position) => {
      const axis = attrs['axis'] as number;
      let rest = position[axis]!;
      const source = inputs.find((x) => {
        if (rest < x.shape[axis]!) return true;
        rest -= x.shape[axis]!;
        return false;
      });
      return at(source!, replaceAt(position, axis, rest));
    }),
  window: ([x], attrs, out) => {
    const n = list(attrs, 'size').length;
    const lead = x!.shape.length - n;
    return build(out, (position) =>
      at(x!, [
        ...position.slice(0, lead),
        ...list(attrs, 'size').map(
          (_, k) =>
            position[lead + k]! * list(attrs, 'stride')[k]! +
            position[lead + n + k]! * list(attrs, 'dilation')[k]!,
        ),
      ]),
    );
  },
  fold: ([x], attrs, out) => {
    const n = list(attrs, 'size').length;
    const lead = x!.shape.length - 2 * n;
    const zero = build(out, () => 0);
    const wide: Value = { ...zero, dtype: x!.dtype };
    return scatterInto(wide, (set) => {
      positions(x!.shape).forEach((position, i) => {
        set(
          [
            ...position.slice(0, lead),
            ...list(attrs, 'size').map(
              (_, k) =>
                position[lead + k]! * list(attrs, 'stride')[k]! +
                position[lead + n + k]! * list(attrs, 'dilation')[k]!,
            ),
          ],
          x!.data[i]!,
        );
      });
    })('add');
  },
  gather: ([x, index], attrs, out) => {
    const axis = attrs['axis'] as number;
    const r = index!.shape.length;
    return build(out, (position) =>
      at(x!, [
        ...position.slice(0, axis),
        checked(at(index!, position.slice(axis, axis + r)), x!.shape[axis]!),
        ...position.slice(axis + r),
      ]),
    );
  },
  gatherElements: ([x, index], attrs, out) => {
    const axis = attrs['axis'] as number;
    return build(out, (position, i) =>
      at(x!, replaceAt(position, axis, checked(index!.data[i]!, x!.shape[axis]!))),
    );
  },
  scatter: ([x, index, source], attrs) => {
    const axis = attrs['axis'] as number;
    const r = index!.shape.length;
    return scatterInto(x!, (set) => {
      positions(source!.shape).forEach((position, i) => {
        set(
          [
            ...position.slice(0, axis),
            Number(at(index!, position.slice(axis, axis + r))),
            ...position.slice(axis + r),
          ],
          source!.data[i]!,
        );
      });
    })(attrs['reduce'] as string);
  },
  scatterElements: ([x, index, source], attrs) => {
    const axis = attrs['axis'] as number;
    return scatterInto(x!, (set) => {
      positions(source!.shape).forEach((position, i) => {
        set(replaceAt(position, axis, Number(index!.data[i]!)), source!.data[i]!);
      });
    })(attrs['reduce'] as string);
  },
};

function checked(index: Num, size: number): number {
  const i = Number(index);
  if (i < 0 || i >= size) throw new RangeError(`index ${i} outside an axis of ${size}`);
  return i;
}

/** Attributes of one node, read by name with the type that the operator expects. */
import { attributeValue } from '../codec/attributes.ts';
import type { AttributeValue } from '../codec/attributes.ts';
import { tensorFromProto } from '../codec/tensor.ts';
import type { AttributeProto, GraphProto } from '../codec/types.ts';
import { invalid } from './error.ts';
import type { HostTensor } from './value.ts';

type Kind = AttributeValue['type'];

export class Attributes {
  readonly #op: string;
  readonly #values = new Map<string, AttributeProto>();
  readonly #tensors = new Map<string, HostTensor>();

  constructor(op: string, attributes: readonly AttributeProto[]) {
    this.#op = op;
    for (const attribute of attributes) {
      const { name } = attribute;
      if (name === undefined || name === '') invalid(op, 'an attribute has no name');
      if (this.#values.has(name)) invalid(op, `attribute ${name} is given twice`);
      this.#values.set(name, attribute);
    }
  }

  get names(): readonly string[] {
    return [...this.#values.keys()];
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  #get<K extends Kind>(name: string, kind: K): Extract<AttributeValue, { type: K }> | undefined {
    const attribute = this.#values.get(name);
    if (attribute === undefined) return undefined;
    const value = attributeValue(attribute);
    if (value.type !== kind) {
      invalid(this.#op, `attribute ${name} is of type ${value.type}, not ${kind}`);
    }
    return value as Extract<AttributeValue, { type: K }>;
  }

  #required(name: string): never {
    invalid(this.#op, `attribute ${name} is missing`);
  }

  /** An integer; throws when it is missing and has no default. */
  int(name: string, fallback?: number): number {
    const value = this.#get(name, 'int')?.value ?? fallback ?? this.#required(name);
    const number = Number(value);
    if (!Number.isSafeInteger(number)) invalid(this.#op, `attribute ${name} is ${value}`);
    return number;
  }

  bool(name: string, fallback = false): boolean {
    return this.int(name, fallback ? 1 : 0) !== 0;
  }

  float(name: string, fallback?: number): number {
    return this.#get(name, 'float')?.value ?? fallback ?? this.#required(name);
  }

  string(name: string, fallback?: string): string {
    return this.#get(name, 'string')?.value ?? fallback ?? this.#required(name);
  }

  ints(name: string): number[] | undefined;
  ints(name: string, fallback: readonly number[]): number[];
  ints(name: string, fallback?: readonly number[]): number[] | undefined {
    const list = this.#get(name, 'ints')?.value ?? fallback;
    // Ends of slices are often the extremes of int64.
    const limit = Number.MAX_SAFE_INTEGER;
    return list?.map((value) => Math.max(-limit, Math.min(limit, Number(value))));
  }

  floats(name: string): readonly number[] | undefined {
    const list = this.#get(name, 'floats')?.value;
    return list === undefined ? undefined : Array.from(list);
  }

  strings(name: string): readonly string[] | undefined {
    return this.#get(name, 'strings')?.value;
  }

  /** The same object at every call, so that it is uploaded once. */
  tensor(name: string): HostTensor | undefined {
    const known = this.#tensors.get(name);
    if (known !== undefined) return known;
    const proto = this.#get(name, 'tensor')?.value;
    if (proto === undefined) return undefined;
    const tensor = tensorFromProto(proto);
    this.#tensors.set(name, tensor);
    return tensor;
  }

  /** Any attribute with its kind; for operators that take one of several. */
  value(name: string): AttributeValue | undefined {
    const attribute = this.#values.get(name);
    return attribute === undefined ? undefined : attributeValue(attribute);
  }

  graph(name: string): GraphProto | undefined {
    return this.#get(name, 'graph')?.value;
  }
}

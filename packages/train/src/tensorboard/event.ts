/**
 * TensorBoard's messages, field by field: tensorboard/compat/proto/{event,summary,tensor}.proto and
 * tensorboard/plugins/hparams/{plugin_data,api}.proto.
 */
import protobuf from 'protobufjs/minimal.js';
import type { Writer } from 'protobufjs/minimal.js';
import type { Histogram } from './histogram.ts';

type Fields = (writer: Writer) => void;

const wire = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;
const key = (field: number, type: number): number => (field << 3) | type;

const message = (fields: Fields): Uint8Array => {
  const writer = protobuf.Writer.create();
  fields(writer);
  return writer.finish();
};
const nested = (w: Writer, field: number, fields: Fields): void =>
  void w.uint32(key(field, wire.bytes)).bytes(message(fields));
const text = (w: Writer, field: number, value: string): void =>
  void w.uint32(key(field, wire.bytes)).string(value);
const bytes = (w: Writer, field: number, value: Uint8Array): void =>
  void w.uint32(key(field, wire.bytes)).bytes(value);
const double = (w: Writer, field: number, value: number): void =>
  void w.uint32(key(field, wire.fixed64)).double(value);
const float = (w: Writer, field: number, value: number): void =>
  void w.uint32(key(field, wire.fixed32)).float(value);
const varint = (w: Writer, field: number, value: number): void =>
  void w.uint32(key(field, wire.varint)).int64(value);
const doubles = (w: Writer, field: number, values: readonly number[]): void =>
  nested(w, field, (inner) => values.forEach((value) => void inner.double(value)));

/** An event: seconds since 1970, the step, and one kind of content. */
function event(wallTime: number, step: number, content: Fields): Uint8Array {
  return message((w) => {
    double(w, 1, wallTime);
    varint(w, 2, step);
    content(w);
  });
}

export type Value = Fields;

/** The first event of every file. */
export const versionEvent = (wallTime: number): Uint8Array =>
  event(wallTime, 0, (w) => text(w, 3, 'brain.Event:2'));

/** A run starts (again) at a step: what older files say from there on is dropped. */
export const startEvent = (wallTime: number, step: number): Uint8Array =>
  event(wallTime, step, (w) => nested(w, 7, (session) => varint(session, 1, 1)));

export const summaryEvent = (
  wallTime: number,
  step: number,
  values: readonly Value[],
): Uint8Array =>
  event(wallTime, step, (w) =>
    nested(w, 5, (summary) => values.forEach((value) => nested(summary, 1, value))),
  );

export const scalarValue =
  (tag: string, value: number): Value =>
  (w) => {
    text(w, 1, tag);
    float(w, 2, value);
  };

export const histogramValue =
  (tag: string, histogram: Histogram): Value =>
  (w) => {
    text(w, 1, tag);
    nested(w, 5, (h) => {
      double(h, 1, histogram.min);
      double(h, 2, histogram.max);
      double(h, 3, histogram.num);
      double(h, 4, histogram.sum);
      double(h, 5, histogram.sumSquares);
      doubles(h, 6, histogram.limits);
      doubles(h, 7, histogram.counts);
    });
  };

export const imageValue =
  (
    tag: string,
    {
      width,
      height,
      channels,
      png,
    }: { width: number; height: number; channels: number; png: Uint8Array },
  ): Value =>
  (w) => {
    text(w, 1, tag);
    nested(w, 4, (image) => {
      varint(image, 1, height);
      varint(image, 2, width);
      varint(image, 3, channels);
      bytes(image, 4, png);
    });
  };

/** Number of `DT_STRING`. */
const stringType = 7;

/** Markdown. */
export const textValue =
  (tag: string, value: string): Value =>
  (w) => {
    text(w, 1, tag);
    nested(w, 8, (tensor) => {
      varint(tensor, 1, stringType);
      nested(tensor, 2, (shape) => nested(shape, 2, (dim) => varint(dim, 1, 1)));
      bytes(tensor, 8, new TextEncoder().encode(value));
    });
    pluginData(w, 'text', () => undefined);
  };

function pluginData(w: Writer, plugin: string, content: Fields): void {
  nested(w, 9, (metadata) =>
    nested(metadata, 1, (data) => {
      text(data, 1, plugin);
      bytes(data, 2, message(content));
    }),
  );
}

export type HParam = string | number | boolean;
const hparamTypes = { string: 1, boolean: 2, number: 3 } as const;

/** Settings of a run and the tags of the numbers it is judged by. */
export function hparamValues(
  settings: Readonly<Record<string, HParam>>,
  metrics: readonly string[],
  seconds: number,
): Value[] {
  const entry = (tag: string, field: number, content: Fields): Value => {
    return (w) => {
      text(w, 1, tag);
      pluginData(w, 'hparams', (data) => nested(data, field, content));
    };
  };
  const typeOf = (value: HParam) => hparamTypes[typeof value as keyof typeof hparamTypes];
  return [
    entry('_hparams_/experiment', 2, (experiment) => {
      for (const [name, value] of Object.entries(settings)) {
        nested(experiment, 4, (info) => {
          text(info, 1, name);
          varint(info, 4, typeOf(value));
        });
      }
      for (const tag of metrics) {
        nested(experiment, 5, (info) => nested(info, 1, (name) => text(name, 2, tag)));
      }
    }),
    entry('_hparams_/session_start_info', 3, (start) => {
      for (const [name, value] of Object.entries(settings)) {
        nested(start, 1, (pair) => {
          text(pair, 1, name);
          nested(pair, 2, (w) => {
            if (typeof value === 'number') double(w, 2, value);
            else if (typeof value === 'string') text(w, 3, value);
            else varint(w, 4, value ? 1 : 0);
          });
        });
      }
      double(start, 5, seconds);
    }),
    entry('_hparams_/session_end_info', 4, (end) => {
      varint(end, 1, 1);
      double(end, 2, seconds);
    }),
  ];
}

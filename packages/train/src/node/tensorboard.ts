/** TensorBoard's event files. */
import { appendFile, mkdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { fail } from '@hebb/core';
import type { LoggedImage, Logger } from '../callbacks/logger.ts';
import {
  hparamValues,
  histogramValue,
  imageValue,
  scalarValue,
  startEvent,
  summaryEvent,
  textValue,
  versionEvent,
} from '../tensorboard/event.ts';
import type { HParam, Value } from '../tensorboard/event.ts';
import { histogramOf } from '../tensorboard/histogram.ts';
import { frameRecord } from '../tensorboard/record.ts';
import { encodeImage } from './picture-folder.ts';

/** Written when this many bytes have gathered, and at `flush`. */
const enough = 1 << 16;
let files = 0;

/**
 * A logger that writes for TensorBoard: `new Trainer({ ..., logger: tensorBoard('runs/first') })`, then
 * `tensorboard --logdir runs`. Each logger writes a file of its own into the folder, from its first value
 * on; a run that is resumed goes on in another file, which takes back what lies behind its start.
 */
export class TensorBoard implements Logger {
  readonly folder: string;
  /** The file; it is there after the first `flush`. */
  readonly file: string;
  #pending: Uint8Array[] = [];
  #bytes = 0;
  #queue: Promise<void> = Promise.resolve();

  constructor(folder: string) {
    this.folder = folder;
    const seconds = String(Math.floor(Date.now() / 1000)).padStart(10, '0');
    files += 1;
    this.file = path.join(
      folder,
      `events.out.tfevents.${seconds}.${hostname()}.${process.pid}.${files}`,
    );
    this.#add(versionEvent(now()));
  }

  /** The run starts again after so many updates: values of later ones in older files are dropped. */
  resume(step: number): void {
    this.#add(startEvent(now(), step + 1));
  }
  scalars(values: Readonly<Record<string, number>>, step: number): Promise<void> {
    const all = Object.entries(values).map(([tag, value]) => scalarValue(tag, value));
    return this.#write(all, step);
  }
  /** Values that are not finite are left out. */
  histogram(tag: string, values: ArrayLike<number>, step: number): Promise<void> {
    return this.#write([histogramValue(tag, histogramOf(values))], step);
  }
  image(tag: string, image: LoggedImage, step: number): Promise<void> {
    const { width, height, channels, data } = image;
    if (data.length !== width * height * channels) {
      fail(
        'TensorBoard.image',
        'the pixels do not fill the image',
        `${data.length} bytes`,
        `${width} x ${height} x ${channels}`,
      );
    }
    const png = encodeImage(image);
    return this.#write([imageValue(tag, { width, height, channels, png })], step);
  }
  /** Markdown. */
  text(tag: string, text: string, step: number): Promise<void> {
    return this.#write([textValue(tag, text)], step);
  }
  /** The row of the run in the table of hyperparameters. */
  async hparams(
    settings: Readonly<Record<string, HParam>>,
    results: Readonly<Record<string, number>>,
  ): Promise<void> {
    const tags = Object.keys(results).map((name) => `hparam/${name}`);
    await this.#write(hparamValues(settings, tags, now()), 0);
    await this.#write(
      Object.entries(results).map(([name, value]) => scalarValue(`hparam/${name}`, value)),
      0,
    );
  }

  /** Everything so far is in the file when this is done. */
  async flush(): Promise<void> {
    const bytes = Buffer.concat(this.#pending);
    this.#pending = [];
    this.#bytes = 0;
    // One at a time, so that records keep their order.
    const written = this.#queue.then(async () => {
      if (bytes.length === 0) return;
      await mkdir(this.folder, { recursive: true });
      await appendFile(this.file, bytes);
    });
    this.#queue = written.catch(() => undefined);
    await written;
  }

  async #write(values: readonly Value[], step: number): Promise<void> {
    if (values.length === 0) return;
    this.#add(summaryEvent(now(), step, values));
    if (this.#bytes >= enough) await this.flush();
  }
  #add(event: Uint8Array): void {
    const record = frameRecord(event);
    this.#pending.push(record);
    this.#bytes += record.length;
  }
}

/** A `TensorBoard` logger for a folder. */
export function tensorBoard(folder: string): TensorBoard {
  return new TensorBoard(folder);
}

const now = (): number => Date.now() / 1000;

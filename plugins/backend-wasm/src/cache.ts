/**
 * Compiled programs of this process by the structure of their graphs: a model that is loaded once more, or on
 * another backend object, is not compiled again. What is in use is always found; of what is not, the last few
 * are kept.
 */
import type { Program } from '@hebb/compiler';
import type { ProgramNeeds } from './program.ts';

export interface Compiled {
  readonly program: Program;
  readonly needs: ProgramNeeds;
  readonly module: WebAssembly.Module;
}

/** What is kept though nobody uses it: bytes of modules and of keys. */
const keptBytes = 4 * 2 ** 20;

interface Entry {
  readonly weak: WeakRef<Compiled>;
  readonly bytes: number;
}

export class CompiledCache {
  readonly #limit: number;
  readonly #entries = new Map<string, Entry>();
  /** The last ones used, the oldest first. */
  readonly #kept = new Map<string, Compiled>();
  #bytes = 0;

  constructor(limit = keptBytes) {
    this.#limit = limit;
  }

  /** Keys of what is kept, the oldest first. */
  get kept(): string[] {
    return [...this.#kept.keys()];
  }

  get(key: string): Compiled | undefined {
    const entry = this.#entries.get(key);
    const found = entry?.weak.deref();
    if (found !== undefined) this.#keep(key, found, entry!.bytes);
    return found;
  }

  set(key: string, compiled: Compiled, moduleBytes: number): void {
    for (const [other, { weak }] of this.#entries) {
      if (weak.deref() === undefined) this.#entries.delete(other);
    }
    const bytes = moduleBytes + 2 * key.length;
    this.#drop(key);
    this.#entries.set(key, { weak: new WeakRef(compiled), bytes });
    this.#keep(key, compiled, bytes);
  }

  #keep(key: string, compiled: Compiled, bytes: number): void {
    this.#drop(key);
    if (bytes > this.#limit) return;
    this.#kept.set(key, compiled);
    this.#bytes += bytes;
    for (const oldest of this.#kept.keys()) {
      if (this.#bytes <= this.#limit) break;
      this.#drop(oldest);
    }
  }

  #drop(key: string): void {
    if (this.#kept.delete(key)) this.#bytes -= this.#entries.get(key)!.bytes;
  }
}

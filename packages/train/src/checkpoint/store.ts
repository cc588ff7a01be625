/** Where checkpoints lie. */

/**
 * A place for named blobs. `checkpointFolder` of `@hebb/train/node` is one on disk; anything else (a
 * browser's storage, a bucket) takes four functions.
 */
export interface CheckpointStore {
  /** For messages: a folder's path. */
  readonly place: string;
  /** Names of what is there. */
  list(): Promise<readonly string[]>;
  read(name: string): Promise<Uint8Array>;
  /** Whole or not at all: what was there before stays until the new content is safe. */
  write(name: string, bytes: Uint8Array): Promise<void>;
  remove(name: string): Promise<void>;
}

/** Keeps checkpoints in memory: for browsers and tests. */
export function memoryStore(): CheckpointStore {
  const files = new Map<string, Uint8Array>();
  return {
    place: 'memory',
    list: () => Promise.resolve([...files.keys()]),
    read: (name) => {
      const bytes = files.get(name);
      return bytes === undefined
        ? Promise.reject(new Error(`${name} does not exist`))
        : Promise.resolve(bytes.slice());
    },
    write: (name, bytes) => {
      files.set(name, bytes.slice());
      return Promise.resolve();
    },
    remove: (name) => {
      files.delete(name);
      return Promise.resolve();
    },
  };
}

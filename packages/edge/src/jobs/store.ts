/** Where jobs keep their rows and answers. Structural: the platform's bindings fit without their types. */

/** Small facts beside a value, which a list tells without reading it. */
export type Notes = Readonly<Record<string, string>>;

export interface JobStore {
  get(key: string): Promise<string | undefined>;
  put(key: string, value: string): Promise<void>;
  /** Writes a value unless there is one. Says whether it wrote. */
  create(key: string, value: string, notes?: Notes): Promise<boolean>;
  /** All keys with that beginning. */
  list(prefix: string): Promise<ReadonlyMap<string, Notes>>;
}

interface Listed {
  readonly objects: readonly {
    readonly key: string;
    readonly customMetadata?: Notes | undefined;
  }[];
  readonly truncated: boolean;
  readonly cursor?: string;
}

/** The part of an R2 bucket that is used here. */
export interface JobBucket {
  get(key: string): Promise<{ text(): Promise<string> } | null>;
  put(
    key: string,
    value: string,
    options?: { onlyIf?: { etagDoesNotMatch: string }; customMetadata?: Record<string, string> },
  ): Promise<object | null>;
  list(options: { prefix: string; cursor?: string; include: 'customMetadata'[] }): Promise<Listed>;
}

/** Jobs in an R2 bucket: `() => r2Jobs(env.JOBS)`. Of two that write the same at once the first one counts. */
export const r2Jobs = (bucket: JobBucket): JobStore => ({
  get: async (key) => (await bucket.get(key))?.text(),
  put: async (key, value) => void (await bucket.put(key, value)),
  create: async (key, value, notes = {}) =>
    (await bucket.put(key, value, {
      onlyIf: { etagDoesNotMatch: '*' },
      customMetadata: { ...notes },
    })) !== null,
  list: async (prefix) => {
    const found = new Map<string, Notes>();
    let cursor: string | undefined;
    do {
      const page: Listed = await bucket.list({
        prefix,
        include: ['customMetadata'],
        ...(cursor === undefined ? {} : { cursor }),
      });
      for (const { key, customMetadata = {} } of page.objects) found.set(key, customMetadata);
      cursor = page.truncated ? page.cursor : undefined;
    } while (cursor !== undefined);
    return found;
  },
});

interface ListedKeys {
  readonly keys: readonly { readonly name: string; readonly metadata?: unknown }[];
  readonly list_complete: boolean;
  readonly cursor?: string;
}

/** The part of a KV namespace that is used here. */
export interface JobNamespace {
  get(key: string): Promise<string | null>;
  put(
    key: string,
    value: string,
    options?: { metadata?: unknown; expirationTtl?: number },
  ): Promise<void>;
  list(options: { prefix: string; cursor?: string }): Promise<ListedKeys>;
}

export interface KvJobsOptions {
  /** Seconds after which all of a job is gone. Default: it stays. */
  readonly expirationTtl?: number;
}

/**
 * Jobs in a KV namespace. What one place writes others see up to a minute later: a job's status may lag behind,
 * and of two that write the same at once the last one counts. Both write the same, unless one has given up.
 */
export function kvJobs(namespace: JobNamespace, options: KvJobsOptions = {}): JobStore {
  const { expirationTtl } = options;
  const lasting = expirationTtl === undefined ? {} : { expirationTtl };
  return {
    get: async (key) => (await namespace.get(key)) ?? undefined,
    put: (key, value) => namespace.put(key, value, lasting),
    create: async (key, value, metadata = {}) => {
      if ((await namespace.get(key)) !== null) return false;
      await namespace.put(key, value, { ...lasting, metadata });
      return true;
    },
    list: async (prefix) => {
      const found = new Map<string, Notes>();
      let cursor: string | undefined;
      do {
        const page: ListedKeys = await namespace.list({
          prefix,
          ...(cursor === undefined ? {} : { cursor }),
        });
        for (const { name, metadata } of page.keys) found.set(name, (metadata ?? {}) as Notes);
        cursor = page.list_complete ? undefined : page.cursor;
      } while (cursor !== undefined);
      return found;
    },
  };
}

/** What all protocols of a handler share. */
import type { Answers } from './cache/answers.ts';
import type { Metrics } from './middleware/metrics.ts';
import type { Loadable } from './model.ts';
import type { Loaded, Models } from './models.ts';
import type { RequestContext, Router } from './router.ts';
import type { VersionSource } from './versions/source.ts';

export interface Service {
  readonly models: Models;
  readonly metrics: Metrics;
  readonly maxBodyBytes: number;
  /** Where the current versions are read, for an extension's own `Models.follow`. */
  readonly versions?: VersionSource;
  /** Answers that are kept. */
  readonly answers: Answers;
  /** Told about failures that a client only sees as "internal error". */
  readonly onError: (error: unknown, request: Request) => void;
}

/** Further routes, such as `textApi`. They stand behind the same keys and limits as the rest. */
export interface Extension {
  mount(router: Router, service: Service): void;
  /** Paths of the OpenAPI description. */
  paths?(): Readonly<Record<string, unknown>>;
  /** Fields of the answer to `GET /`, beside `models`. */
  describe?(): Readonly<Record<string, unknown>>;
  /** Loads all that it serves, for `GET /v2/health/ready`. Throws what loading throws. */
  load?(c: RequestContext): Promise<unknown>;
}

/** Loads the model that a request asks for, and notes what the log and the metrics say about it. */
export async function loadFor<E extends Loadable>(
  c: RequestContext,
  models: Models<E>,
  name: string,
  version?: string,
): Promise<Loaded<E>> {
  if (version === undefined) {
    await models.choose(name, c.req.raw);
    await settleFor(c, models, name);
  }
  let waited = false;
  const pending = models.load(name, version, () => (waited = true));
  c.set('model', name);
  const loaded = await pending;
  if (waited) c.set('cold', true);
  return loaded;
}

/** `Models.settle`, noting what the log and the metrics say about it. */
export const settleFor = <E extends Loadable>(
  c: RequestContext,
  models: Models<E>,
  name: string,
): Promise<void> => models.settle(name, c.req.raw, () => c.set('cold', true));

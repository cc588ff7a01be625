/** One error class for everything a user can get wrong, and the layer path that errors name. */

const paths: string[] = [];

/** The path of the module that is running, `encoder.0` say; empty outside modules. */
export function currentPath(): string {
  return paths.join('.');
}

/** Runs `body` with `name` appended to the path that errors and graph nodes carry. */
export function withPath<T>(name: string, body: () => T): T {
  if (name === '') return body();
  paths.push(name);
  try {
    return body();
  } finally {
    paths.pop();
  }
}

/** Runs `body` outside any module path: bodies of composites are traced once and reused everywhere. */
export function withoutPath<T>(body: () => T): T {
  const saved = paths.splice(0);
  try {
    return body();
  } finally {
    paths.splice(0, paths.length, ...saved);
  }
}

export interface HebbErrorDetails {
  /** The operation or function that refused. */
  readonly op: string;
  /** What was given. */
  readonly got?: string;
  /** What would be accepted. */
  readonly wanted?: string;
  /** The layer's path; the running module's when left out. */
  readonly path?: string;
  readonly cause?: unknown;
}

/** Thrown for wrong shapes, dtypes, options and states. The message reads `op at path: what is wrong`. */
export class HebbError extends Error {
  readonly op: string;
  readonly path: string;
  readonly got: string | undefined;
  readonly wanted: string | undefined;
  /** The message without op and path. */
  readonly problem: string;

  constructor(message: string, details: HebbErrorDetails) {
    const path = details.path ?? currentPath();
    super(
      `${details.op}${path === '' ? '' : ` at ${path}`}: ${message}`,
      details.cause === undefined ? undefined : { cause: details.cause },
    );
    this.name = 'HebbError';
    this.op = details.op;
    this.path = path;
    this.got = details.got;
    this.wanted = details.wanted;
    this.problem = message;
  }

  /** The same complaint in the name of the op around it and of the layer that is running. */
  within(op: string): HebbError {
    return new HebbError(this.problem, {
      op,
      cause: this,
      ...(this.got === undefined ? {} : { got: this.got }),
      ...(this.wanted === undefined ? {} : { wanted: this.wanted }),
    });
  }
}

/** Throws `op at path: message (got ..., wanted ...)`. */
export function fail(op: string, message: string, got?: string, wanted?: string): never {
  const tail = [
    got === undefined ? '' : `got ${got}`,
    wanted === undefined ? '' : `wanted ${wanted}`,
  ]
    .filter((part) => part !== '')
    .join(', ');
  const details: HebbErrorDetails = {
    op,
    ...(got === undefined ? {} : { got }),
    ...(wanted === undefined ? {} : { wanted }),
  };
  throw new HebbError(tail === '' ? message : `${message} (${tail})`, details);
}

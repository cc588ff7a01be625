/** Errors that a client is told about: a status, a code that programs can act on, and a sentence. */

export type ErrorCode =
  | 'bad_json'
  | 'bad_input'
  | 'bad_image'
  | 'unauthorized'
  | 'not_found'
  | 'method_not_allowed'
  | 'not_ready'
  | 'payload_too_large'
  | 'unsupported_media_type'
  | 'rate_limited'
  | 'aborted'
  | 'internal'
  | 'overloaded'
  | 'unavailable'
  | 'timeout';

export type ErrorStatus = 400 | 401 | 404 | 405 | 409 | 413 | 415 | 429 | 499 | 500 | 503 | 504;

export interface RequestErrorOptions {
  /** Headers of the answer, such as `retry-after`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** What lies behind it, for `onError` alone. */
  readonly cause?: unknown;
}

export class RequestError extends Error {
  readonly status: ErrorStatus;
  readonly code: ErrorCode;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: ErrorStatus,
    code: ErrorCode,
    message: string,
    { headers = {}, cause }: RequestErrorOptions = {},
  ) {
    super(message, cause === undefined ? {} : { cause });
    this.name = 'RequestError';
    this.status = status;
    this.code = code;
    this.headers = headers;
  }
}

export function badInput(message: string): RequestError {
  return new RequestError(400, 'bad_input', message);
}

const typesOfOpenai: Partial<Record<ErrorCode, string>> = {
  unauthorized: 'authentication_error',
  rate_limited: 'rate_limit_error',
  internal: 'server_error',
  overloaded: 'server_error',
  unavailable: 'server_error',
  timeout: 'server_error',
};

/** The error's body as clients of the address expect it: `/v1` as OpenAI has it, `/v2` as the Open Inference Protocol. */
export function errorBody(path: string, { code, message }: RequestError): unknown {
  if (/^\/v2(\/|$)/.test(path)) return { error: message, code };
  if (!path.startsWith('/v1/')) return { error: { code, message } };
  const type = typesOfOpenai[code] ?? 'invalid_request_error';
  return { error: { message, type, param: null, code } };
}

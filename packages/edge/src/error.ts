/** Errors that a client is told about: a status, a code that programs can act on, and a sentence. */

export type ErrorCode =
  | 'bad_json'
  | 'bad_input'
  | 'bad_image'
  | 'not_found'
  | 'method_not_allowed'
  | 'payload_too_large'
  | 'unsupported_media_type'
  | 'internal';

export class RequestError extends Error {
  readonly status: 400 | 404 | 405 | 413 | 415 | 500;
  readonly code: ErrorCode;

  constructor(status: RequestError['status'], code: ErrorCode, message: string) {
    super(message);
    this.name = 'RequestError';
    this.status = status;
    this.code = code;
  }
}

export function badInput(message: string): RequestError {
  return new RequestError(400, 'bad_input', message);
}

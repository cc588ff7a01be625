/** When a response is over, which for a stream is when its last piece is read or the reader is gone. */

export const isStream = (response: Response): boolean =>
  response.headers.get('content-type')?.startsWith('text/event-stream') === true;

export interface Watch {
  /** Called once, with whether the response came to its end. */
  done(whole: boolean): void;
  /** Called for each piece that is read. */
  read?(): void;
  /** Aborted when the client is gone, where the platform tells: a stream is over then. */
  readonly signal: AbortSignal;
}

/** The same response, watched. */
export function watch(response: Response, { done, read, signal }: Watch): Response {
  if (response.body === null || !isStream(response)) {
    done(true);
    return response;
  }
  const reader = response.body.getReader();
  read?.();
  let over = false;
  const end = (whole: boolean): void => {
    if (!over) done(whole);
    over = true;
    signal.removeEventListener('abort', gone);
  };
  const gone = (): void => end(false);
  signal.addEventListener('abort', gone);
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          read?.();
          const { done: last, value } = await reader.read();
          if (!last) return controller.enqueue(value);
          end(true);
          controller.close();
        } catch (error) {
          end(false);
          controller.error(error);
        }
      },
      async cancel(reason) {
        end(false);
        await reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
  return new Response(body, response);
}

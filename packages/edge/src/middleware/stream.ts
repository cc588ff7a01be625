/** When a response is over, which for a stream is when its last piece is read or the reader is gone. */

export const isStream = (response: Response): boolean =>
  response.headers.get('content-type')?.startsWith('text/event-stream') === true;

/** The same response; `done` is called once, with whether it came to its end. */
export function whenDone(response: Response, done: (whole: boolean) => void): Response {
  if (response.body === null || !isStream(response)) {
    done(true);
    return response;
  }
  const reader = response.body.getReader();
  let over = false;
  const end = (whole: boolean): void => {
    if (!over) done(whole);
    over = true;
  };
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
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
  });
  return new Response(body, response);
}

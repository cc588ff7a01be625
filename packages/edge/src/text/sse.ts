/** Server-sent events, written as fast as the reader takes them. */

/** One event a value, then `[DONE]`. The generator ends when the reader leaves or the signal is aborted. */
export function eventStream(
  events: AsyncGenerator<unknown, void, undefined>,
  leave: AbortController,
  signal: AbortSignal,
): Response {
  const encoder = new TextEncoder();
  const line = (data: string): Uint8Array => encoder.encode(`data: ${data}\n\n`);
  // A generator that waits for a reader would hold on to its state.
  signal.addEventListener('abort', () => {
    leave.abort();
    void events.return();
  });
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await events.next();
        if (done !== true) return controller.enqueue(line(JSON.stringify(value)));
        controller.enqueue(line('[DONE]'));
        controller.close();
      },
      async cancel() {
        leave.abort();
        await events.return();
      },
    },
    { highWaterMark: 0 },
  );
  return new Response(body, {
    headers: {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache',
      // What is compressed on the way is held back until it is worth a block.
      'content-encoding': 'identity',
    },
  });
}

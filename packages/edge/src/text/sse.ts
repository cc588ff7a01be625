/** Server-sent events, written as fast as the reader takes them. */

/** One event a value, then `[DONE]`. `stop` is called when the reader leaves. */
export function eventStream(
  events: AsyncGenerator<unknown, void, undefined>,
  stop: () => void,
): Response {
  const encoder = new TextEncoder();
  const line = (data: string): Uint8Array => encoder.encode(`data: ${data}\n\n`);
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await events.next();
        if (done !== true) return controller.enqueue(line(JSON.stringify(value)));
        controller.enqueue(line('[DONE]'));
        controller.close();
      },
      async cancel() {
        stop();
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

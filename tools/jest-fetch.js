/**
 * `fetch` for the tests, loaded before each: a request over a kept connection that the server has closed meanwhile
 * is sent once more. Servers close what is idle for some seconds, and a test on a busy machine computes for longer
 * without a look at its sockets.
 */
const { fetch } = globalThis;
const closed = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']);

/** @param {RequestInfo | URL} input @param {RequestInit} [init] */
globalThis.fetch = async (input, init) => {
  try {
    return await fetch(input, init);
  } catch (error) {
    const isSpent = input instanceof Request || init?.body instanceof ReadableStream;
    if (isSpent || !closed.has(/** @type {Error} */ (error).cause?.code)) throw error;
    return fetch(input, init);
  }
};

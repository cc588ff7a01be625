/** Long work in the worker lets messages in between: pause, settings, the next question. */

/** Resolves after the messages that have arrived; without the 4 ms that timers take at least. */
export const breathe = (): Promise<void> =>
  new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      // An open channel would keep a process of Node alive.
      port1.close();
      resolve();
    };
    port2.postMessage(0);
  });

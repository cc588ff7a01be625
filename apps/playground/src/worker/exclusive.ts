/** One thing at a time: what a page asks for while a step runs waits until the step is done. */
export function exclusive(): <T>(action: () => Promise<T> | T) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (action) => {
    const next = last.then(action);
    last = next.catch(() => undefined);
    return next;
  };
}

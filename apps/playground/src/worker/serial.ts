/** One thing after the other: what works on a model waits until the one before is done. */

export type Serial = <T>(work: () => Promise<T> | T) => Promise<T>;

export function serial(): Serial {
  let last: Promise<unknown> = Promise.resolve();
  return <T>(work: () => Promise<T> | T): Promise<T> => {
    const next = last.then(work);
    last = next.catch(() => undefined);
    return next;
  };
}

/** Work that many wait for. */
import { Flight } from '../src/flight.ts';

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

it('is done once for all that come meanwhile, and again afterwards', async () => {
  const flight = new Flight<number>();
  let runs = 0;
  const work = async () => {
    await pause(10);
    return ++runs;
  };
  expect(await Promise.all([flight.join(work), flight.join(work), flight.join(work)])).toEqual([
    1, 1, 1,
  ]);
  expect(await flight.join(work)).toBe(2);
});

it('fails for all that wait, and is tried again by the next', async () => {
  const flight = new Flight<string>();
  const fail = async () => {
    await pause(5);
    throw new Error('no');
  };
  const all = await Promise.allSettled([flight.join(fail), flight.join(fail)]);
  expect(all.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(await flight.join(() => Promise.resolve('yes'))).toBe('yes');
});

it('is taken over when the one at work has died with its timers', async () => {
  const flight = new Flight<string>();
  // As a worker does with a request whose client left.
  const timers: unknown[] = [];
  const real = globalThis.setInterval;
  globalThis.setInterval = ((...args: Parameters<typeof real>) => {
    const timer = real(...args);
    timers.push(timer);
    return timer;
  }) as typeof real;
  let current = (): boolean => true;
  void flight.join((isCurrent) => {
    current = isCurrent;
    return new Promise(() => undefined);
  });
  globalThis.setInterval = real;
  expect(timers).toHaveLength(1);
  clearInterval(timers[0] as NodeJS.Timeout);
  await pause(0);
  expect(current()).toBe(true);
  const others = [1, 2, 3].map((i) => flight.join(() => pause(50).then(() => `by ${i}`)));
  const results = await Promise.all(others);
  expect(new Set(results)).toEqual(new Set(['by 1']));
  expect(current()).toBe(false);
});

it('is left to the one at work however long it takes', async () => {
  const flight = new Flight<string>();
  const work = (name: string) => flight.join(() => pause(1700).then(() => name));
  expect(await Promise.all([work('first'), work('second')])).toEqual(['first', 'first']);
});

/** Runs in a worker of the page. */
import { answer } from './work.ts';
import type { Answers } from './work.ts';

globalThis.onmessage = ({ data }: MessageEvent<{ name: keyof Answers; only: string }>) => {
  answer(data.name, data.only).then(
    (result) => globalThis.postMessage({ result }),
    (error: unknown) => globalThis.postMessage({ error: String(error) }),
  );
};

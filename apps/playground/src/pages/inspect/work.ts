/** The inspector's part of the worker. */
import { breathe } from '../../worker/breathe.ts';
import { exclusive } from '../../worker/exclusive.ts';
import type { ExampleName } from './examples.ts';
import type { GivenFile, Opened } from './opened.ts';
import type { InputChoice, ModelInfo, ProfileResult, RunResult } from './settings.ts';

export function create() {
  const turn = exclusive();
  let opened: Opened | undefined;
  let stopping = new AbortController();
  const model = (): Opened => {
    if (opened === undefined) throw new Error('There is no model yet: choose a file.');
    return opened;
  };
  const take = async (file: GivenFile, others: readonly GivenFile[]): Promise<ModelInfo> => {
    // The bridge to ONNX is fetched with the first file.
    const { Opened } = await import('./opened.ts');
    const next = await Opened.open(file, others);
    opened = next;
    return next.info;
  };
  return {
    /** The first file that ends in .onnx is the model; the others may hold its weights. */
    open: (files: readonly GivenFile[]): Promise<ModelInfo> =>
      turn(() => {
        const file = files.find(({ name }) => name.toLowerCase().endsWith('.onnx')) ?? files[0];
        if (file === undefined) throw new Error('There is no file.');
        return take(
          file,
          files.filter((other) => other !== file),
        );
      }),
    example: (name: ExampleName, address: string): Promise<ModelInfo> =>
      turn(async () => {
        const { example } = await import('./examples.ts');
        return take(await example(name, address), []);
      }),
    draw: (from: number): Promise<ReturnType<Opened['draw']>> => turn(() => model().draw(from)),
    run: (choices: readonly InputChoice[], seed: number): Promise<RunResult> =>
      turn(() => model().run(choices, seed)),
    profile: (
      choices: readonly InputChoice[],
      seed: number,
      onProgress: (share: number) => void,
    ): Promise<ProfileResult> =>
      turn(() => {
        stopping = new AbortController();
        let last = 0;
        return model().profile(choices, seed, stopping.signal, (share) => {
          if (share - last < 0.02 && share < 1) return;
          last = share;
          onProgress(share);
        });
      }),
    /** Ends a profile; it arrives between two nodes. */
    stop: async (): Promise<void> => {
      stopping.abort();
      await breathe();
    },
  };
}

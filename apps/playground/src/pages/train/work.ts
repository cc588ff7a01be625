/** The training page's part of the worker: the loop that runs until it is told to pause. */
import { drawnDigits, mnistFiles } from '../../digits/data.ts';
import type { DigitSets, NamedBytes } from '../../digits/data.ts';
import { breathe } from '../../worker/breathe.ts';
import { exclusive } from '../../worker/exclusive.ts';
import { Session } from './session.ts';
import type { Burst, Settings, Snapshot, TestResult, View } from './session.ts';

/** What the page hears while it trains. */
export interface Events {
  burst(burst: Burst & { readonly perSecond: number }): void;
  test(result: TestResult): void;
  view(view: View): void;
  snapshot(snapshot: Snapshot): void;
}

/** A burst is about this long, so that a pause comes at once and a message does not cost more than a step. */
const burstMs = 60;
const viewMs = 350;
/** A test at most so often, and not for more than a fifth of the time. */
const testMs = 400;
const testShare = 0.2;
const snapshotMs = 4000;

export function create() {
  const alone = exclusive();
  let data: DigitSets | undefined;
  let session: Session | undefined;
  /** The run that goes on; a new one may begin while the last still says how it ended. */
  let running: symbol | undefined;
  let sample = 0;

  const current = (): Session => {
    if (session === undefined) throw new Error('There is no network yet.');
    return session;
  };

  return {
    /** A fresh network, or the one of a snapshot. Says what there is to learn from. */
    build: (settings: Settings, snapshot?: Snapshot): Promise<string> =>
      alone(async () => {
        data ??= drawnDigits(1);
        session = new Session(settings, data);
        if (snapshot !== undefined) await session.restore(snapshot);
        return data.name;
      }),
    /** Other images to learn from; the network is built again by the page. */
    useFiles: (files: readonly NamedBytes[]): Promise<string> =>
      alone(async () => (data = await mnistFiles(files)).name),
    useDrawn: (): Promise<string> =>
      alone(() => {
        data = drawnDigits(1);
        return data.name;
      }),
    setLearningRate: (lr: number): Promise<void> => alone(() => void (current().lr = lr)),
    chooseSample(index: number): Promise<View> {
      sample = index;
      return alone(() => current().view(sample));
    },
    view: (): Promise<View> => alone(() => current().view(sample)),
    test: (): Promise<TestResult> => alone(() => current().test()),
    step: (): Promise<Burst> => alone(() => current().burst(1)),
    snapshot: (): Promise<Snapshot> => alone(() => current().snapshot()),
    onnx: (): Promise<Uint8Array> => alone(() => current().onnx()),
    pause(): void {
      running = undefined;
    },
    /** Trains until `pause`; resolves then. */
    async run(events: Events): Promise<void> {
      if (running !== undefined) return;
      const own = (running = Symbol('run'));
      let steps = 1;
      let viewed = -Infinity;
      let nextTest = 0;
      // The first state comes with the first test: a page that shows progress can go on from it.
      let kept = -Infinity;
      try {
        while (running === own) {
          const started = performance.now();
          const burst = await alone(() => current().burst(steps));
          const ended = performance.now();
          const each = (ended - started) / steps;
          events.burst({ ...burst, perSecond: 1000 / each });
          if (!Number.isFinite(burst.loss)) {
            throw new Error(
              `The loss is no longer a number at step ${burst.step}: the learning rate is too high. ` +
                'Lower it and press Reset.',
            );
          }
          if (ended > nextTest) {
            events.test(await alone(() => current().test()));
            const cost = performance.now() - ended;
            nextTest = ended + Math.max(testMs, cost / testShare);
          }
          if (ended - viewed > viewMs) {
            viewed = ended;
            events.view(await alone(() => current().view(sample)));
          }
          if (ended - kept > snapshotMs) {
            kept = ended;
            events.snapshot(await alone(() => current().snapshot()));
          }
          // The first step compiles; how long one takes is known from the next.
          steps = burst.step <= 1 ? 1 : Math.max(1, Math.min(32, Math.round(burstMs / each)));
          await breathe();
        }
        events.test(await alone(() => current().test()));
        events.view(await alone(() => current().view(sample)));
        events.snapshot(await alone(() => current().snapshot()));
      } finally {
        if (running === own) running = undefined;
      }
    },
  };
}

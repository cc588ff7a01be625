/**
 * What a worker thread runs, as text: a worker made from text needs no file that a bundler would have to
 * find. It speaks with the pool through `control` (see pool.ts) and gets modules as messages.
 */
import { syncWords } from './barrier.ts';

/** Indices into the control words. */
export const control = {
  /** Grows with each command and message. */
  signal: 0,
  /** Messages posted so far, to each worker. */
  posted: 1,
  /** Number of the program to run, and its table of addresses. */
  program: 2,
  table: 3,
  threads: 4,
  /** Grows with each program to run. */
  runs: 5,
  /** How many workers sleep. */
  sleeping: 6,
  /** From here, for each worker: programs loaded so far. */
  loaded: 8,
} as const;

/** Rounds of looking before a worker sleeps: some two hundred microseconds. */
const spins = 100_000;

export const workerSource = `
const instances = new Map();
const functions = {
  exp: Math.exp, expm1: Math.expm1, log: Math.log, log1p: Math.log1p, sin: Math.sin, cos: Math.cos,
  tanh: Math.tanh, atan2: Math.atan2, fmod: (x, y) => x % y,
  pow: (x, y) => (x === 1 || (x === -1 && Math.abs(y) === Infinity) ? 1 : x ** y),
};
let memory, control, thread, post;
let seen = 0;
let ran = 0;
function fail() {
  const words = new Int32Array(memory.buffer);
  Atomics.store(words, ${syncWords.failed >> 2}, 1);
  Atomics.add(words, ${syncWords.generation >> 2}, 0);
  Atomics.notify(words, ${syncWords.generation >> 2});
}
function receive(message) {
  if (message.memory !== undefined) {
    ({ memory, control, thread } = message);
    ran = Atomics.load(control, ${control.runs});
    post({ ready: true });
  } else if (message.module !== undefined) {
    const imports = { env: { memory }, math: functions };
    instances.set(message.id, new WebAssembly.Instance(message.module, imports).exports.run);
    Atomics.store(control, ${control.loaded} + thread, message.id + 1);
  } else if (message.forget !== undefined) instances.delete(message.forget);
  seen += 1;
  work();
}
/** Runs programs until there is a message, which only the event loop can receive. */
function work() {
  for (;;) {
    const signal = Atomics.load(control, ${control.signal});
    if (Atomics.load(control, ${control.posted}) !== seen) return;
    const runs = Atomics.load(control, ${control.runs});
    if (runs !== ran) {
      ran = runs;
      Atomics.add(new Int32Array(memory.buffer), ${syncWords.joined >> 2}, 1);
      try {
        const run = instances.get(Atomics.load(control, ${control.program}));
        run(Atomics.load(control, ${control.table}), thread, Atomics.load(control, ${control.threads}));
      } catch (error) {
        fail();
        throw error;
      }
      continue;
    }
    let left = ${spins};
    while (left > 0 && Atomics.load(control, ${control.signal}) === signal) left -= 1;
    if (left > 0) continue;
    Atomics.add(control, ${control.sleeping}, 1);
    Atomics.wait(control, ${control.signal}, signal);
    Atomics.sub(control, ${control.sleeping}, 1);
  }
}
if (typeof require === 'function') {
  const { parentPort } = require('node:worker_threads');
  post = (message) => parentPort.postMessage(message);
  parentPort.on('message', receive);
} else {
  post = (message) => postMessage(message);
  onmessage = ({ data }) => receive(data);
}
`;

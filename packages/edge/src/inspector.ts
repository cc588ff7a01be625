/** What V8 says of a worker's memory, over workerd's inspector. */

/** Bytes. */
export interface Heap {
  /** Objects on V8's heap. */
  readonly objects: number;
  /** Array buffers. Memories of WebAssembly are not among them: V8 does not count those. */
  readonly buffers: number;
}

interface Usage {
  readonly usedSize: number;
  readonly embedderHeapUsedSize?: number;
  readonly backingStorageSize?: number;
}

/** Milliseconds for each answer. */
const patience = 5000;

/** A connection to the first worker of a workerd that listens for inspectors on the port. */
export class Inspector {
  readonly #socket: Promise<WebSocket>;
  #next = 1;

  constructor(port: number) {
    this.#socket = connect(port);
    // Whoever asks is told.
    this.#socket.catch(() => undefined);
  }

  /** @throws Error where nothing is answered within 20 seconds. */
  async heap(): Promise<Heap> {
    const socket = await this.#socket;
    const wanted = this.#next++;
    const aborted = new AbortController();
    try {
      return await new Promise((resolve, reject) => {
        const refuse = (): void => reject(new Error('the inspector of workerd does not answer'));
        const timer = setTimeout(refuse, 20_000);
        const { signal } = aborted;
        signal.addEventListener('abort', () => clearTimeout(timer));
        socket.addEventListener('close', refuse, { signal });
        socket.addEventListener(
          'message',
          ({ data }) => {
            const { id, result } = JSON.parse(String(data)) as { id?: number; result?: Usage };
            if (id !== wanted || result === undefined) return;
            resolve({
              objects: result.usedSize + (result.embedderHeapUsedSize ?? 0),
              buffers: result.backingStorageSize ?? 0,
            });
          },
          { signal },
        );
        socket.send(JSON.stringify({ id: wanted, method: 'Runtime.getHeapUsage' }));
      });
    } finally {
      aborted.abort();
    }
  }

  close(): void {
    void this.#socket.then(
      (socket) => socket.close(),
      () => undefined,
    );
  }
}

async function connect(port: number): Promise<WebSocket> {
  const list = (await (await fetch(`http://127.0.0.1:${port}/json`)).json()) as {
    webSocketDebuggerUrl: string;
  }[];
  const socket = new WebSocket(list[0]!.webSocketDebuggerUrl);
  return new Promise((resolve, reject) => {
    socket.addEventListener('open', () => resolve(socket));
    socket.addEventListener('error', () => reject(new Error('workerd has no inspector there')));
  });
}

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

  /** The same again and again, until the work is over. */
  async heapsDuring(work: Promise<unknown>): Promise<Heap[]> {
    let over = false;
    const end = (): void => void (over = true);
    work.then(end, end);
    const heaps: Heap[] = [];
    do heaps.push(await this.heap());
    while (!over);
    return [...heaps, await this.heap()];
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
  // Wrangler's own inspector takes nobody without an origin; Node's WebSocket has a place for headers.
  const Socket = WebSocket as new (url: string, options: object) => WebSocket;
  const headers = { origin: 'http://localhost' };
  const socket = new Socket(list[0]!.webSocketDebuggerUrl, { headers });
  return new Promise((resolve, reject) => {
    socket.addEventListener('open', () => resolve(socket));
    socket.addEventListener('error', () => reject(new Error('workerd has no inspector there')));
  });
}

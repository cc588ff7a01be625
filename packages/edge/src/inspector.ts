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

/** Asks the first worker of a workerd that listens for inspectors on the port. @throws Error after 5 seconds. */
export async function heapOf(port: number): Promise<Heap> {
  const list = (await (await fetch(`http://127.0.0.1:${port}/json`)).json()) as {
    webSocketDebuggerUrl: string;
  }[];
  // Wrangler's own inspector takes nobody without an origin; Node's WebSocket has a place for headers.
  const Socket = WebSocket as new (url: string, options: object) => WebSocket;
  const headers = { origin: 'http://localhost' };
  const socket = new Socket(list[0]!.webSocketDebuggerUrl, { headers });
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise((resolve, reject) => {
      const refuse = (): void => reject(new Error('the inspector of workerd does not answer'));
      timer = setTimeout(refuse, 5000);
      socket.addEventListener('error', refuse);
      socket.addEventListener('open', () => {
        socket.send(JSON.stringify({ id: 1, method: 'Runtime.getHeapUsage' }));
      });
      socket.addEventListener('message', ({ data }) => {
        const { id, result } = JSON.parse(String(data)) as { id?: number; result?: Usage };
        if (id !== 1 || result === undefined) return;
        resolve({
          objects: result.usedSize + (result.embedderHeapUsedSize ?? 0),
          buffers: result.backingStorageSize ?? 0,
        });
      });
    });
  } finally {
    clearTimeout(timer);
    socket.close();
  }
}

/** QEMU's monitor (QMP): one connection for the life of a process, because QEMU serves one client at a time. */
import { createConnection, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** Why a machine went off, in QEMU's words: `guest-reset`, `guest-shutdown`, `host-qmp-system-reset`, ... */
export type Shutdown = string;

export class Monitor {
  readonly #socket: Socket;
  readonly #onShutdown: (reason: Shutdown) => void;
  #text = '';

  private constructor(socket: Socket, onShutdown: (reason: Shutdown) => void) {
    this.#socket = socket;
    this.#onShutdown = onShutdown;
    // QEMU's end is the connection's end.
    socket.on('error', () => undefined);
    socket.setEncoding('utf8').on('data', (text: string) => this.#read(text));
    this.send('qmp_capabilities');
  }

  /** Waits for the socket of a process that has just been started; undefined when that is gone first. */
  static async connect(
    path: string,
    alive: () => boolean,
    onShutdown: (reason: Shutdown) => void,
  ): Promise<Monitor | undefined> {
    while (alive()) {
      const socket = createConnection(path);
      const connected = await new Promise<boolean>((resolve) => {
        socket.once('connect', () => resolve(true));
        socket.once('error', () => resolve(false));
      });
      if (connected) return new Monitor(socket, onShutdown);
      await delay(50);
    }
    return undefined;
  }

  send(execute: string, args?: Readonly<Record<string, unknown>>): void {
    this.#socket.write(`${JSON.stringify({ execute, ...(args === undefined ? {} : { arguments: args }) })}\n`);
  }

  #read(text: string): void {
    const lines = (this.#text + text).split('\n');
    this.#text = lines.pop() ?? '';
    for (const line of lines) {
      const message = JSON.parse(line) as { readonly event?: string; readonly data?: { readonly reason?: string } };
      if (message.event === 'SHUTDOWN') this.#onShutdown(message.data?.reason ?? '');
    }
  }
}

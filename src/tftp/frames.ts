/** The frames in memory: shared while in use, kept afterwards as long as there is room, oldest out first. */
import type { ByteSource } from '../media/source.ts';
import { buildFrame, type Frame, frameBytes } from './frame.ts';

export interface FrameLease {
  readonly frame: Frame;
  release(): void;
}

interface Entry {
  readonly frame: Promise<Frame>;
  readonly bytes: number;
  users: number;
}

export interface FrameLimits {
  /** All frames together, in use or kept. */
  readonly totalBytes: number;
  /** Frames that nobody uses are kept for the next machine up to this much. */
  readonly keptBytes: number;
}

export class Frames {
  readonly #limits: FrameLimits;
  /** Names by which sources without a key are told apart: one and the same object has one and the same content. */
  readonly #names = new WeakMap<ByteSource, string>();
  #sequence = 0;
  /** Least recently used first. */
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;
  #idleBytes = 0;

  constructor(limits: FrameLimits) {
    this.#limits = limits;
  }

  /** Room that is taken, in use or kept. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * The frame of `source` at `blksize`, or undefined when transfers in progress hold all the room.
   * `key` names the content (same key, same bytes); without it only the same source object is recognised.
   * @throws whatever the source throws
   */
  async lease(source: ByteSource, key: string | undefined, blksize: number): Promise<FrameLease | undefined> {
    const content = key === undefined ? this.#nameOf(source) : `key ${key}`;
    const name = `${blksize} ${source.sizeBytes} ${content}`;
    let entry = this.#entries.get(name);
    if (entry === undefined) {
      const bytes = frameBytes(source.sizeBytes, blksize);
      this.#dropIdleUntil(() => this.#bytes + bytes <= this.#limits.totalBytes);
      if (this.#bytes + bytes > this.#limits.totalBytes) return undefined;
      entry = { frame: buildFrame(source, blksize), bytes, users: 0 };
      this.#bytes += bytes;
    } else {
      this.#entries.delete(name);
      if (entry.users === 0) this.#idleBytes -= entry.bytes;
    }
    this.#entries.set(name, entry);
    entry.users++;
    try {
      const held = entry;
      let released = false;
      return {
        frame: await entry.frame,
        release: () => {
          if (!released) this.#release(held);
          released = true;
        },
      };
    } catch (error) {
      // A source that failed once is asked again the next time.
      if (this.#entries.get(name) === entry) {
        this.#entries.delete(name);
        this.#bytes -= entry.bytes;
      }
      throw error;
    }
  }

  /** Forgets what nobody uses. */
  clear(): void {
    this.#dropIdleUntil(() => false);
  }

  #nameOf(source: ByteSource): string {
    const known = this.#names.get(source);
    if (known !== undefined) return known;
    const name = `source ${++this.#sequence}`;
    this.#names.set(source, name);
    return name;
  }

  #release(entry: Entry): void {
    entry.users--;
    if (entry.users > 0) return;
    this.#idleBytes += entry.bytes;
    this.#dropIdleUntil(() => this.#idleBytes <= this.#limits.keptBytes);
  }

  #dropIdleUntil(enough: () => boolean): void {
    for (const [name, entry] of this.#entries) {
      if (enough()) return;
      if (entry.users > 0) continue;
      this.#entries.delete(name);
      this.#bytes -= entry.bytes;
      this.#idleBytes -= entry.bytes;
    }
  }
}

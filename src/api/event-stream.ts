/** Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html), read from a reply into the contract's shapes. */
import type { EventView, RunFrame } from './schemas.ts';

export type LiveMessage =
  /** A new row of a timeline. */
  | { readonly kind: 'event'; readonly event: EventView }
  /** Where a node is now. */
  | { readonly kind: 'run'; readonly frame: RunFrame };

/** One event as it came over the wire. */
export interface WireEvent {
  readonly id: string | undefined;
  readonly type: string;
  readonly data: string;
}

/** A line of more than this is no line of ours: refusing it beats filling the memory. */
const MAX_BLOCK = 4 * 1024 * 1024;

/** Cuts a stream of text into events; comments and unknown fields are passed over, as the standard says. */
export async function* parseEventStream(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<WireEvent> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunks) {
    rest += decoder.decode(chunk, { stream: true });
    if (rest.length > MAX_BLOCK) throw new RangeError('an event of the live stream is too long');
    for (;;) {
      const end = /\r\n\r\n|\n\n|\r\r/.exec(rest);
      if (end === null) break;
      const block = rest.slice(0, end.index);
      rest = rest.slice(end.index + end[0].length);
      const event = parseBlock(block);
      if (event !== undefined) yield event;
    }
  }
}

function parseBlock(block: string): WireEvent | undefined {
  let id: string | undefined;
  let type = 'message';
  const data: string[] = [];
  for (const line of block.split(/\r\n|\n|\r/)) {
    const [, field, value = ''] = /^([^:]+)(?:: ?(.*))?$/.exec(line) ?? [];
    if (field === 'id') id = value;
    else if (field === 'event') type = value;
    else if (field === 'data') data.push(value);
  }
  return data.length === 0 ? undefined : { id, type, data: data.join('\n') };
}

export async function* readEvents(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<LiveMessage> {
  for await (const { type, data } of parseEventStream(chunks)) {
    if (type === 'timeline') yield { kind: 'event', event: JSON.parse(data) as EventView };
    else if (type === 'run') yield { kind: 'run', frame: JSON.parse(data) as RunFrame };
  }
}

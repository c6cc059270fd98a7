/** Reads test/fixtures/dhcp/NAME.hex: captured datagrams, made by pcap.ts. */
import { readFileSync } from 'node:fs';

export interface CapturedDatagram {
  readonly from: string;
  readonly fromPort: number;
  readonly to: string;
  readonly toPort: number;
  readonly bytes: Uint8Array;
}

export function capture(name: string): readonly CapturedDatagram[] {
  const text = readFileSync(new URL(`../fixtures/dhcp/${name}.hex`, import.meta.url), 'utf8');
  const found: { head: RegExpExecArray; hex: string }[] = [];
  for (const line of text.split('\n')) {
    const head = /^> ([\d.]+):(\d+) -> ([\d.]+):(\d+)/.exec(line);
    if (head !== null) found.push({ head, hex: '' });
    else if (/^[0-9a-f]+$/.test(line)) {
      const last = found.at(-1);
      if (last !== undefined) last.hex += line;
    }
  }
  return found.map(({ head, hex }) => ({
    from: head[1] ?? '',
    fromPort: Number(head[2]),
    to: head[3] ?? '',
    toPort: Number(head[4]),
    bytes: Buffer.from(hex, 'hex'),
  }));
}

/** The datagrams that a client sent to a server port, in order. */
export function requestsOf(name: string): readonly CapturedDatagram[] {
  return capture(name).filter((d) => d.toPort === 67 || d.toPort === 4011);
}

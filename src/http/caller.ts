import type { IncomingMessage } from 'node:http';
import { IronwakeError } from '../errors.ts';
import type { Caller } from '../journey/whereabouts.ts';
import { fromPeerAddress } from '../net/ipv4.ts';
import type { Segment } from '../net/segment.ts';

/**
 * Who is calling and on which of our segments, from the addresses of the connection itself (never from a header).
 * @throws IronwakeError `http.no-segment` for a request that came in by an address that is not served (loopback)
 */
export function callerOf(request: IncomingMessage, segments: readonly Segment[]): Caller {
  const local = fromPeerAddress(request.socket.localAddress);
  const address = fromPeerAddress(request.socket.remoteAddress);
  const segment = segments.find((candidate) => candidate.address === local);
  if (segment === undefined || address === undefined) {
    throw new IronwakeError({
      kind: 'refused',
      code: 'http.no-segment',
      message: 'machines are served on the addresses of the provisioning network only',
      remedy: "Use this server's address on the machine's network.",
    });
  }
  return { address, segment };
}

import type { Ipv4 } from './ipv4.ts';

/**
 * One served network: an interface of this host and the address on it. Every packet and request carries its segment, and URLs are
 * made from it, never from a global setting: a machine is always pointed at the address that it can reach.
 */
export interface Segment {
  /** Interface name, `eno1`, `vmbr0`. */
  readonly interfaceName: string;
  readonly address: Ipv4;
  readonly prefixLength: number;
  /** Base of the plain HTTP boot URLs, without a trailing slash: `http://10.0.0.2:8080`. */
  readonly httpUrl: string;
  /** Base of the TLS URLs (API, installer, nodes): `https://10.0.0.2:8443`. */
  readonly httpsUrl: string;
}

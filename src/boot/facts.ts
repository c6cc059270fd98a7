/**
 * What a booting client said, in the words that the boot decision needs. DHCP, TFTP and HTTP all translate into this, so that the
 * journey imports no protocol.
 */
import type { Arch } from '../net/arch.ts';
import type { Ipv4 } from '../net/ipv4.ts';
import type { Mac } from '../net/mac.ts';

/**
 * `pxe` firmware PXE (also an iPXE without HTTP: it needs our loader) - `ipxe` an iPXE that takes a script URL - `http-boot` UEFI HTTP boot -
 * `installer` the live system's own DHCP (no PXE class, asks for options 250 and 251) - `other` anything that does not netboot.
 */
export type ClientKind = 'pxe' | 'ipxe' | 'http-boot' | 'installer' | 'other';

/**
 * Host name (option 12) of what `ironwake doctor` sends. It marks a packet that must leave no trace. Whoever else writes it gets less than without it: no rule, no policy
 * and no timeline ever hears of the packet, and no answer depends on what is armed; so nobody needs to prove that he is the doctor.
 */
export const DOCTOR_HOST_NAME = 'ironwake-doctor';

export type DhcpMessage = 'discover' | 'request' | 'inform' | 'other';

export interface ClientFacts {
  readonly kind: ClientKind;
  readonly mac: Mac;
  readonly message: DhcpMessage;
  /** The port of ours it came to. On 67 only DISCOVERs are ever answered; 4011 is the boot server's. */
  readonly port: 67 | 4011;
  readonly arch: Arch | undefined;
  /** Option 93's first number even where `arch` is unknown, for the log. */
  readonly archNumber: number | undefined;
  /** SMBIOS UUID in the order that dmidecode prints, lower case; undefined when absent or a placeholder. A hint, never an identity. */
  readonly uuid: string | undefined;
  readonly vendorClass: string | undefined;
  readonly userClass: string | undefined;
  readonly hostName: string | undefined;
  /** Seconds field as sent (iPXE puts state bits there: netboot.md, fact 10). */
  readonly secs: number;
  /** The relay's address when the packet came through one. */
  readonly relay: Ipv4 | undefined;
  /** The client's own address when it already has one (ciaddr). */
  readonly address: Ipv4 | undefined;
  /** Option 54 of a REQUEST: whose offer it takes. */
  readonly serverId: Ipv4 | undefined;
}

/** A boot file that `ironwake doctor` asks for, or somebody in its name. An installer's live system and other clients may be called what they like. */
export function isDoctor({ hostName, kind }: ClientFacts): boolean {
  return hostName === DOCTOR_HOST_NAME && kind !== 'other' && kind !== 'installer';
}

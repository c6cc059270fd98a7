/**
 * Client architectures: DHCP option 93, as IANA lists them ("Processor Architecture Types"; RFC 4578's text has 7 and 9 swapped, the
 * erratum and everybody's practice is this table).
 */

export type Firmware = 'bios' | 'uefi';
export type Cpu = 'i386' | 'x86_64' | 'arm32' | 'arm64';

export interface Arch {
  readonly number: number;
  /** The word used in logs, events and loader file names: `bios`, `x64-uefi`, `arm64-uefi`. */
  readonly name: string;
  readonly firmware: Firmware;
  readonly cpu: Cpu;
  /** True for the firmware's own HTTP boot (it takes a URL, not a TFTP file). */
  readonly httpBoot: boolean;
}

const TABLE: readonly Arch[] = [
  { number: 0, name: 'bios', firmware: 'bios', cpu: 'x86_64', httpBoot: false },
  { number: 6, name: 'ia32-uefi', firmware: 'uefi', cpu: 'i386', httpBoot: false },
  { number: 7, name: 'x64-uefi', firmware: 'uefi', cpu: 'x86_64', httpBoot: false },
  // EBC: sent by old x64 firmware that followed the RFC's text.
  { number: 9, name: 'x64-uefi', firmware: 'uefi', cpu: 'x86_64', httpBoot: false },
  { number: 10, name: 'arm32-uefi', firmware: 'uefi', cpu: 'arm32', httpBoot: false },
  { number: 11, name: 'arm64-uefi', firmware: 'uefi', cpu: 'arm64', httpBoot: false },
  { number: 15, name: 'ia32-uefi-http', firmware: 'uefi', cpu: 'i386', httpBoot: true },
  { number: 16, name: 'x64-uefi-http', firmware: 'uefi', cpu: 'x86_64', httpBoot: true },
  { number: 17, name: 'x64-uefi-http', firmware: 'uefi', cpu: 'x86_64', httpBoot: true },
  { number: 18, name: 'arm32-uefi-http', firmware: 'uefi', cpu: 'arm32', httpBoot: true },
  { number: 19, name: 'arm64-uefi-http', firmware: 'uefi', cpu: 'arm64', httpBoot: true },
  { number: 20, name: 'bios-http', firmware: 'bios', cpu: 'x86_64', httpBoot: true },
];

/** The architecture of an option 93 number, or undefined for one that Ironwake has no loader for. */
export function archOf(number: number): Arch | undefined {
  return TABLE.find((arch) => arch.number === number);
}

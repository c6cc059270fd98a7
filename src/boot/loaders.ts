/** Which loader file a client architecture gets. The files are staged by `scripts/setup.js` from Debian's packages into tftproot/. */
import type { Arch } from '../net/arch.ts';

export interface Loader {
  /** File name under tftproot. */
  readonly file: string;
  readonly firmware: Arch['firmware'];
  readonly cpu: Arch['cpu'];
  readonly comment: string;
  /** False for a loader that not every Debian release has. */
  readonly required: boolean;
}

/**
 * undionly.kpxe keeps the ROM's own driver. For UEFI set-up stages snponly.efi (the firmware's driver, only the card that booted; Debian 12 and 13
 * have it), else ipxe.efi under the same name.
 */
export const LOADERS: readonly Loader[] = [
  {
    file: 'undionly.kpxe',
    firmware: 'bios',
    cpu: 'x86_64',
    comment: 'iPXE for BIOS, with the network driver of the card itself',
    required: true,
  },
  { file: 'ipxe-x86_64.efi', firmware: 'uefi', cpu: 'x86_64', comment: 'iPXE for UEFI x64', required: true },
  {
    file: 'ipxe-arm64.efi',
    firmware: 'uefi',
    cpu: 'arm64',
    comment: 'iPXE for UEFI arm64 (Debian 13)',
    required: false,
  },
];

/** The loader's file name for an architecture, or undefined when there is none. */
export function loaderFor(arch: Arch): string | undefined {
  return LOADERS.find((loader) => loader.firmware === arch.firmware && loader.cpu === arch.cpu)?.file;
}

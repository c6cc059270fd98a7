/**
 * What silence most likely means, and the one thing to do: by the last that was heard of the machine, from the firmware's first question to the plan
 * on the node.
 */
import { BOOT_SIGNALS, type BootSignal, type Run, type RunData, type RunState } from './run.ts';

export type Signal = BootSignal | 'kernel' | 'image' | 'image-whole' | RunState;

export interface Stall {
  readonly cause: string;
  readonly remedy: string;
}

const SCREEN = "Look at the machine's screen: the boot script says there what failed.";

const STALLS: Readonly<Partial<Record<Signal, Stall>>> = {
  discover: {
    cause:
      'the firmware did not take our offer: another DHCP server on its network sends boot options of its own, or answers nothing at all',
    remedy: 'Run npx ironwake doctor on this server: it asks the network as a machine would.',
  },
  'boot-server': {
    cause: 'the firmware took our offer and its request for the loader does not come through: a firewall in between',
    remedy: 'Let UDP ports 69 and 4011 of this server through.',
  },
  loader: {
    cause: 'the firmware fetched the loader whole and did not start it: Secure Boot refuses it',
    remedy: "Switch Secure Boot off in the set-up of the machine's firmware.",
  },
  ipxe: {
    cause: 'the loader runs and its request for the script does not come through: a firewall in between',
    remedy: 'Let the TCP port of boot files (8080 unless configured) of this server through.',
  },
  script: { cause: 'the script came, and the kernel was never asked for', remedy: SCREEN },
  kernel: { cause: 'the kernel came, and the image was never asked for', remedy: SCREEN },
  image: {
    cause: 'the transfer of the image stopped: the machine was switched off, or lost its link',
    remedy: 'Restart the machine; it begins again by itself.',
  },
  'image-whole': {
    cause:
      "the installer did not start (too little memory: it takes the image's size plus twice the unpacked initrd), or its kernel has no driver for the network card",
    remedy: "Look at the machine's screen: it says which of the two.",
  },
  live: {
    cause: 'the installer runs and its request does not come through: a firewall in between',
    remedy: 'Let the TLS port (8443 unless configured) of this server through.',
  },
  claimed: {
    cause: 'the installer refused the answer',
    remedy: "Look at the machine's screen: it names the key that is to be mended in the profile.",
  },
  installing: {
    cause: 'the installer stopped at an error',
    remedy: "Look at the machine's screen: it stands at a shell, and the log is in /tmp there.",
  },
  installed: {
    cause: 'the machine did not boot from its disk, or the installed system has no network',
    remedy: "Look at the machine's screen: a login prompt means that it is the network.",
  },
  configuring: {
    cause: 'a step of the plan hangs, or the node lost its network',
    remedy: 'On the node: journalctl -u ironwake-first-boot.',
  },
};

/** BIOS knows no Secure Boot. */
const LOADER_OF_BIOS: Stall = {
  cause: "the loader started and found no way to use the network card, or the firmware's memory is too full for it",
  remedy: "Look at the machine's screen: the loader says what it misses.",
};

/** The last that was heard of this machine. */
export function signalOf({ state, data }: Pick<Run, 'state' | 'data'>): Signal {
  if (state === 'booting') return data.bootSignal ?? 'discover';
  if (state !== 'loading') return state;
  if (data.imageDeliveredAt !== undefined) return 'image-whole';
  return data.imageTotalBytes === undefined ? 'kernel' : 'image';
}

/** The later of two signs of a machine that netboots. */
export function furthest(known: BootSignal | undefined, seen: BootSignal): BootSignal {
  return known !== undefined && BOOT_SIGNALS.indexOf(known) > BOOT_SIGNALS.indexOf(seen) ? known : seen;
}

/** @returns undefined where silence is nothing to explain: before the first sign, and after the end */
export function stallOf(signal: Signal, arch: RunData['arch']): Stall | undefined {
  return signal === 'loader' && arch === 'bios' ? LOADER_OF_BIOS : STALLS[signal];
}

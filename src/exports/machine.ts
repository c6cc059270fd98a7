/**
 * Registered machines in the words of other programs. Pure: machines in, text out. What a target cannot hold is left out of it, never bent into
 * something that it would read otherwise; what may hold anything (notes) goes only where the target's own quoting carries it back unchanged.
 */
import type { Ipv4 } from '../net/ipv4.ts';

export interface ExportedMachine {
  readonly id: string;
  readonly fqdn: string;
  readonly macs: readonly string[];
  /** Where it is reached: its fixed address, else the one of its last installation. */
  readonly address: Ipv4 | undefined;
  readonly profile: string;
  readonly tags: readonly string[];
  /** State of its newest run; `none` when it was never armed. */
  readonly state: string;
  readonly notes: string;
  /** OpenSSH public key lines, as the installer reported them. */
  readonly hostKeys: readonly string[];
}

/** Host name alone of each machine, where no other machine has the same. */
export function shortNames(machines: readonly ExportedMachine[]): ReadonlyMap<string, string> {
  const counts = new Map<string, number>();
  for (const { fqdn } of machines) counts.set(labelOf(fqdn), (counts.get(labelOf(fqdn)) ?? 0) + 1);
  return new Map(
    machines.flatMap(({ fqdn }) => {
      const label = labelOf(fqdn);
      return label !== fqdn && counts.get(label) === 1 ? [[fqdn, label] as const] : [];
    }),
  );
}

function labelOf(fqdn: string): string {
  return fqdn.split('.')[0] ?? fqdn;
}

/** Names as an administrator calls the machine: the full one, then the short one. */
export function namesOf(fqdn: string, shorts: ReadonlyMap<string, string>): readonly string[] {
  const short = shorts.get(fqdn);
  return short === undefined ? [fqdn] : [fqdn, short];
}

/** First line of every text that knows comments. It holds no time: the same registry gives the same bytes. */
export const HEADER = '# Made by Ironwake; changes are lost when it is made again.\n';

/** What a text says of machines that it has nothing to tell of. */
export function missingAddress({ fqdn }: ExportedMachine): string {
  return `# ${fqdn}: no address is known yet\n`;
}

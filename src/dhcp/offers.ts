/**
 * Which form of proxy offer a machine takes. UEFI firmware gets the PXE10 form first (one exchange less); a machine that repeats its
 * DISCOVER with `secs` of 4 and more and sends no REQUEST in between has found no offer pair it likes, and gets the BINL form from then
 * on: some old firmware knows only that one (netboot.md 2.4, quirk 1). A bounded memory without a clock: pure but for its own map.
 */
import type { ClientFacts } from '../boot/facts.ts';
import type { Mac } from '../net/mac.ts';

/** `pxe10`: option 43 says that the file is in the offer. `binl`: no option 43, the firmware asks port 4011. */
export type OfferForm = 'pxe10' | 'binl';

interface Memory {
  readonly form: OfferForm;
  /** A DISCOVER was seen that no REQUEST has followed yet. */
  readonly unanswered: boolean;
}

/** Machines remembered; the one not heard of for longest goes first, so that invented MACs cannot fill the memory. */
export const OFFER_MEMORY_CAPACITY = 1024;

export class OfferMemory {
  readonly #capacity: number;
  readonly #machines = new Map<Mac, Memory>();

  constructor(capacity = OFFER_MEMORY_CAPACITY) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#machines.size;
  }

  /**
   * Takes note of one packet and says which form an offer to it has, and whether that has just changed. Only the firmware PXE of UEFI machines ever
   * changes: BIOS ROMs and iPXE read PXE10 (and iPXE's `secs` are state bits, not seconds).
   */
  note(facts: ClientFacts): { readonly form: OfferForm; readonly switched: boolean } {
    const plain = { form: 'pxe10', switched: false } as const;
    if (facts.kind !== 'pxe' || facts.userClass !== undefined || facts.arch?.firmware !== 'uefi') return plain;
    const known = this.#machines.get(facts.mac);
    const form = known?.form ?? 'pxe10';
    if (facts.message !== 'discover') {
      // A REQUEST, wherever it went: the firmware has chosen, so the form it was offered is right for it.
      if (known !== undefined) this.#remember(facts.mac, { form, unanswered: false });
      return { form, switched: false };
    }
    const switched = form === 'pxe10' && known?.unanswered === true && facts.secs >= 4;
    const next = switched ? 'binl' : form;
    this.#remember(facts.mac, { form: next, unanswered: true });
    return { form: next, switched };
  }

  #remember(mac: Mac, memory: Memory): void {
    this.#machines.delete(mac);
    this.#machines.set(mac, memory);
    if (this.#machines.size <= this.#capacity) return;
    for (const oldest of this.#machines.keys()) {
      this.#machines.delete(oldest);
      break;
    }
  }
}

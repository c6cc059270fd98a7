/** The rules as they are tried: compiled once, and anew when the store says that they changed; and the machines on which they are at work. */
import type { Mac } from '../net/mac.ts';
import type { Node } from '../nodes/node.ts';
import { type CompiledRules, compileRules } from '../rules/match.ts';
import type { Repositories, Store } from './ports.ts';

/** Changes with every change of a rule, in the same transaction. */
const VERSION = 'rules-version';

export interface RuleBook {
  /** Strangers that are being registered at this moment: their firmware asks again before that is done. */
  readonly pending: Map<Mac, Promise<Node | undefined>>;
  compiled(): Promise<CompiledRules>;
}

export function createRuleBook(store: Store): RuleBook {
  let known: { readonly version: string; readonly rules: CompiledRules } | undefined;
  return {
    pending: new Map(),
    async compiled() {
      // One look-up a packet of a stranger; the rules themselves are read when it is another than before.
      const version = (await store.settings.get(VERSION)) ?? '';
      if (known?.version !== version) known = { version, rules: compileRules(await store.rules.list()) };
      return known.rules;
    },
  };
}

/** To be called within the transaction that changes a rule, or its count. */
export async function rulesChanged({ settings }: Pick<Repositories, 'settings'>, id: string): Promise<void> {
  await settings.put(VERSION, id);
}

/** What this machine would be offered if it asked now, and why. The same decision that DHCP takes, without asking. */
import { type BootDecision, decideBoot, describeReason } from '../boot/decision.ts';
import type { ClientFacts, ClientKind } from '../boot/facts.ts';
import { loaderFor } from '../boot/loaders.ts';
import { archOf } from '../net/arch.ts';
import type { Mac } from '../net/mac.ts';
import type { Node } from '../nodes/node.ts';
import type { Run } from '../runs/run.ts';
import type { Journey } from './journey.ts';

export interface ExplainedOffer {
  /** Who asks: `BIOS PXE`, `UEFI x64 PXE`, `iPXE`... */
  readonly client: string;
  readonly decision: BootDecision['kind'];
  /** Loader file, script URL, or empty. */
  readonly what: string;
  readonly because: string;
  /** Where the loader of this offer is not there: what to do. */
  readonly remedy: string | undefined;
}

export interface Explanation {
  readonly mac: Mac;
  readonly node: Node | undefined;
  readonly run: Run | undefined;
  readonly offers: readonly ExplainedOffer[];
}

const CLIENTS: ReadonlyArray<{ readonly client: string; readonly kind: ClientKind; readonly arch: number }> = [
  { client: 'BIOS PXE', kind: 'pxe', arch: 0 },
  { client: 'UEFI x64 PXE', kind: 'pxe', arch: 7 },
  { client: 'UEFI x64 HTTP boot', kind: 'http-boot', arch: 16 },
  { client: 'UEFI arm64 PXE', kind: 'pxe', arch: 11 },
  { client: 'iPXE', kind: 'ipxe', arch: 7 },
];

/** @param isStaged whether this loader can be served */
export async function explain(
  journey: Journey,
  mac: Mac,
  isStaged: (file: string) => Promise<boolean>,
): Promise<Explanation> {
  const node = await journey.store.nodes.byMac(mac);
  const run = node === undefined ? undefined : await journey.store.runs.activeOf(node.id);
  const [segment] = journey.segments();
  const offers =
    segment === undefined
      ? []
      : CLIENTS.map(async ({ client, kind, arch }): Promise<ExplainedOffer> => {
          const facts: ClientFacts = { ...ASKING, kind, mac, arch: archOf(arch), archNumber: arch };
          const decision = decideBoot(facts, { registered: node !== undefined, run }, segment);
          const what = 'file' in decision ? decision.file : 'url' in decision ? decision.url : '';
          const because = describeReason(decision.because);
          const offer = { client, decision: decision.kind, what, because, remedy: undefined };
          const loads = decision.kind === 'loader' || decision.kind === 'http-loader';
          const file = loads && facts.arch !== undefined ? loaderFor(facts.arch) : undefined;
          if (file === undefined || (await isStaged(file))) return offer;
          return {
            ...offer,
            because: `${because}; but ${file} is not in tftproot`,
            remedy: 'Stage it: npm run setup -- serve.',
          };
        });
  return { mac, node, run, offers: await Promise.all(offers) };
}

const ASKING: Omit<ClientFacts, 'kind' | 'mac' | 'arch' | 'archNumber'> = {
  message: 'discover',
  port: 67,
  uuid: undefined,
  vendorClass: undefined,
  userClass: undefined,
  hostName: undefined,
  secs: 0,
  relay: undefined,
  address: undefined,
  serverId: undefined,
};

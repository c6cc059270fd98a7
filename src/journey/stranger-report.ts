/** An installer that nobody armed asks for an answer: it gets none, but what it says of its machine is kept for people and rules. */
import { inNetwork } from '../net/ipv4.ts';
import { portsIn } from './hardware.ts';
import type { Journey } from './journey.ts';
import type { Caller } from './whereabouts.ts';

const CHARACTERS = 64 * 1024;
const EVERY_MS = 10_000;

/**
 * Kept only for a machine in the list of those that were seen, which is bounded, and only when the MAC behind the caller's address is among
 * the ports that it names: nobody speaks for another machine.
 */
export async function keepStrangersReport(journey: Journey, { address, segment }: Caller, body: string): Promise<void> {
  if (body.length > CHARACTERS || !inNetwork(address, segment.address, segment.prefixLength)) return;
  const mac = await journey.neighbours.macOf(address, segment.interfaceName);
  if (mac === undefined || !journey.throttle.passes(`stranger's report ${mac}`, EVERY_MS)) return;
  const document = tableOf(body);
  if (document === undefined || !portsIn(document).includes(mac)) return;
  await journey.discovered.flush();
  await journey.store.discovered.putSystemInformation(mac, document);
}

function tableOf(body: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

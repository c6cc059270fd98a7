/**
 * Can the node still be reached? Asked by the node itself in the middle of a change that might lock everybody out (SSH, firewall, network): the
 * change is kept only when this daemon came in through it, from its own address.
 */
import { type Ipv4, inNetwork, isIpv4 } from '../net/ipv4.ts';
import { type Network, type ProbeRequest, parseAllowed, parseChecks, type ReachCheck } from '../postinstall/checks.ts';
import type { Journey } from './journey.ts';
import { observe } from './observe.ts';
import type { TokenHolder } from './tokens.ts';
import type { Caller } from './whereabouts.ts';

export interface ProbeResult {
  readonly result: 'ok' | 'failed';
  readonly detail: string;
  /** Checks that could not be tried from here, with spaces between them: the node must find out by itself. */
  readonly untried: string;
}

interface Outcome {
  readonly result: 'ok' | 'failed' | 'untried';
  readonly detail: string;
}

/**
 * Tries what the node asks for, against the address that the request comes from: after a change of the network that is a new one. There the
 * login with the probe key, which demands the host key of the webhook, is always tried first, so that a stolen credential makes this daemon
 * knock nowhere else.
 */
export async function probeNode(
  journey: Journey,
  caller: Caller,
  holder: TokenHolder,
  request: ProbeRequest,
): Promise<ProbeResult> {
  const { id, data } = holder.run;
  const hostKeys = Object.values(data.hostKeys ?? {}).filter((key) => key !== undefined);
  const known = data.nodeAddress;
  if (known === undefined || !isIpv4(known) || data.sealedProbeKey === undefined || hostKeys.length === 0)
    return { result: 'failed', detail: 'this run has no address, host key or probe key yet', untried: '' };
  const { address } = caller;
  const login = () =>
    journey.prober.probe({
      address,
      user: 'root',
      hostKeys,
      privateKey: journey.keys.unseal(`probe-key ${id}`, data.sealedProbeKey ?? ''),
    });
  const checks = parseChecks(request);
  const wanted: readonly ReachCheck[] =
    address === known || checks.some(({ kind }) => kind === 'ssh') ? checks : [{ kind: 'ssh' }, ...checks];
  const details: string[] = [];
  const untried: string[] = [];
  // The login first: it alone says that the address is the node's.
  for (const check of [...wanted].sort((a, b) => Number(b.kind === 'ssh') - Number(a.kind === 'ssh'))) {
    const { result, detail } = await tryOne(journey, check, address, parseAllowed(request), login);
    details.push(detail);
    if (result === 'untried') untried.push(nameOf(check));
    if (result === 'failed') {
      const outcome = { result, detail } as const;
      await observe(journey, id, { kind: 'probe', ...outcome });
      return { ...outcome, untried: '' };
    }
  }
  const outcome = { result: 'ok', detail: details.join('; ') } as const;
  await observe(journey, id, { kind: 'probe', ...outcome, ...(address === known ? {} : { address }) });
  return { ...outcome, untried: untried.join(' ') };
}

const nameOf = (check: ReachCheck): string => ('port' in check ? `${check.kind}:${check.port}` : check.kind);

async function tryOne(
  journey: Journey,
  check: ReachCheck,
  address: Ipv4,
  allowed: readonly Network[],
  login: () => Promise<{ readonly result: 'ok' | 'failed'; readonly detail: string }>,
): Promise<Outcome> {
  switch (check.kind) {
    case 'ssh':
      return login();
    case 'ping': {
      const answer = await journey.reach.ping(address);
      if (answer === 'untried') return { result: 'untried', detail: 'this server has no ping program' };
      return answer === 'answered'
        ? { result: 'ok', detail: 'answers to ping' }
        : { result: 'failed', detail: 'does not answer to ping' };
    }
    case 'tcp': {
      const answer = await journey.reach.connect({ address, port: check.port });
      return answer === 'open'
        ? { result: 'ok', detail: `port ${check.port} is open` }
        : { result: 'failed', detail: `port ${check.port} is ${answer}` };
    }
    case 'closed':
      return tryClosed(journey, check.port, address, allowed);
  }
}

/**
 * From each address of ours that the node's firewall must turn away. Only a refusal shows that it does: silence may be an answer that left by another
 * way, so the node tries that itself.
 */
async function tryClosed(journey: Journey, port: number, address: Ipv4, allowed: readonly Network[]): Promise<Outcome> {
  const strangers = journey
    .segments()
    .map((segment) => segment.address)
    .filter((own) => !allowed.some(({ base, prefixLength }) => inNetwork(own, base, prefixLength)));
  let turnedAway: Ipv4 | undefined;
  for (const from of strangers) {
    const answer = await journey.reach.connect({ address, port, from });
    if (answer === 'open') return { result: 'failed', detail: `port ${port} is open to ${from}, which is not allowed` };
    if (answer === 'refused') turnedAway = from;
  }
  return turnedAway === undefined
    ? { result: 'untried', detail: `this server has no address that port ${port} must be closed to` }
    : { result: 'ok', detail: `port ${port} is closed to ${turnedAway}` };
}

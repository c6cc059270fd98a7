/** A machine that nobody registered asks for a boot file: if a rule matches, it is registered, and armed if the rule has that right. */
import type { ClientFacts } from '../boot/facts.ts';
import { IronwakeError, messageOf } from '../errors.ts';
import type { Segment } from '../net/segment.ts';
import type { Node } from '../nodes/node.ts';
import { readPools } from '../profiles/pools.ts';
import { firstMatch, type Machine } from '../rules/match.ts';
import { countersIn, nameOfMachine } from '../rules/name.ts';
import type { Rule } from '../rules/rule.ts';
import { uuidv7 } from '../trust/uuid.ts';
import { armNode } from './arm.ts';
import { withFreeAddresses } from './free-addresses.ts';
import { bootFactsOf, portsIn, type Sighting, serialIn, sightingOf, sightingOfFacts } from './hardware.ts';
import type { Journey } from './journey.ts';
import { appendEvent } from './observe.ts';
import type { AuditEntry, Repositories } from './ports.ts';
import { draftOf, insertNode, toldOfNode } from './registry.ts';
import { rulesChanged } from './rule-book.ts';

/** Strangers that are being registered at one moment: more of them ask again. */
const PENDING = 64;
/** One machine that cannot be registered is tried, and told of, once in this time. */
const TRY_EVERY_MS = 60_000;
/** Names that are taken already, one after the other, before it is given up. */
const NAMES = 1000;

/**
 * The first packet of a netboot alone: what comes later belongs to a machine that was registered by it, or to none.
 * @returns the node that the machine is from now on; undefined for one that stays a stranger
 */
export async function registerByRule(
  journey: Journey,
  facts: ClientFacts,
  segment: Segment,
): Promise<Node | undefined> {
  const netboots = facts.kind !== 'other' && facts.kind !== 'installer';
  if (!netboots || facts.message !== 'discover' || facts.port !== 67) return undefined;
  // What comes through a relay cannot be checked at all: whoever has a route to us could have sent it, with any relay's address.
  if (facts.relay !== undefined) return undefined;
  const rules = await journey.rules.compiled();
  if (rules.length === 0) return undefined;
  const seen = sightingOfFacts(facts, segment.interfaceName, journey.clock.now());
  const machine = await machineOf(journey, seen);
  const rule = firstMatch(rules, machine, journey.clock.now());
  if (rule === undefined) return undefined;
  const { pending } = journey.rules;
  const before = pending.get(facts.mac);
  if (before !== undefined) return before;
  if (pending.size >= PENDING || !journey.throttle.passes(`rule ${facts.mac}`, TRY_EVERY_MS)) return undefined;
  const work = registered(journey, rule, seen, machine).finally(() => pending.delete(facts.mac));
  pending.set(facts.mac, work);
  return work;
}

/** What rules see of a machine that is not registered. */
export async function machineOf({ store }: Pick<Journey, 'store'>, seen: Sighting): Promise<Machine> {
  const document = (await store.discovered.systemInformationOf(seen.mac)) ?? {};
  const retired = await store.hardware.retiredAs(seen.mac);
  return {
    macs: [...new Set([seen.mac, ...portsIn(document)])],
    facts: { ...document, boot: bootFactsOf(seen) },
    retiredFrom: retired?.fqdn,
  };
}

async function registered(journey: Journey, rule: Rule, seen: Sighting, machine: Machine): Promise<Node | undefined> {
  let inserted: Inserted | undefined;
  try {
    inserted = await insert(journey, rule, seen, machine);
  } catch (error) {
    if (!(error instanceof IronwakeError)) throw error;
    const { message, remedy } = error;
    journey.log.warn({ mac: seen.mac, rule: rule.name, err: error.line }, 'a rule could not register a machine');
    await journey.store.events.append([
      {
        at: journey.clock.now(),
        mac: seen.mac,
        nodeId: undefined,
        runId: undefined,
        code: 'rule.not-registered',
        data: { rule: rule.name, message, remedy },
      },
    ]);
    return undefined;
  }
  if (inserted === undefined) return undefined;
  const { node, fresh } = inserted;
  // Somebody else's node, and no business of the rule: not its place, and above all not its disks.
  if (!fresh) return node;
  journey.log.info({ mac: seen.mac, node: node.fqdn, rule: rule.name }, 'a rule registered a machine');
  journey.changes.notify();
  if (rule.mayArm) await arm(journey, rule, node);
  return node;
}

async function arm(journey: Journey, rule: Rule, node: Node): Promise<void> {
  try {
    await armNode(journey, node, { by: `rule ${rule.name}`, armedBy: 'rule' });
  } catch (error) {
    const known = error instanceof IronwakeError;
    if (!known) journey.log.error({ rule: rule.name, err: messageOf(error) }, 'a rule could not arm a machine');
    const data = { rule: rule.name, message: known ? error.message : 'see the log', remedy: known ? error.remedy : '' };
    await appendEvent(journey, { code: 'rule.not-armed', data }, node, undefined);
  }
}

interface Inserted {
  readonly node: Node;
  /** Registered here and now; false for one that somebody else registered meanwhile. */
  readonly fresh: boolean;
}

/** @returns undefined when the rule has no place left, is over, or is another by now than the one that was matched */
async function insert(journey: Journey, rule: Rule, seen: Sighting, machine: Machine): Promise<Inserted | undefined> {
  const { profile, tags, values, installPolicy, fqdn: template } = rule.gives;
  const { clock, keys, store } = journey;
  // Its name is made when it has its number; until then it has one that no other has.
  const fqdn = `node-${uuidv7(clock.now(), keys.randomBytes)}.invalid`;
  const input = { macs: [seen.mac], fqdn, profile, tags, values, installPolicy };
  const draft: Node = { ...draftOf(journey, input), ruleId: rule.id };
  return withFreeAddresses(journey, draft, (check) =>
    store.transaction(async (repositories) => {
      const other = await repositories.nodes.byMac(seen.mac);
      if (other !== undefined) return { node: other, fresh: false };
      if (!(await repositories.rules.takePlace(rule.id, rule.revision, clock.now()))) return undefined;
      await rulesChanged(repositories, uuidv7(clock.now(), keys.randomBytes));
      const node = await insertNode(journey, repositories, draft, check, (inserted) =>
        named(journey, repositories, inserted, template, seen, machine),
      );
      await repositories.events.append([
        {
          at: clock.now(),
          mac: seen.mac,
          nodeId: node.id,
          runId: undefined,
          code: 'rule.registered',
          data: { rule: rule.name },
        },
      ]);
      await repositories.hardware.put(sightingOf(node.id, seen));
      await repositories.audit.append(auditOf(node, rule, seen));
      return { node, fresh: true };
    }),
  );
}

function auditOf(node: Node, rule: Rule, seen: Sighting): AuditEntry {
  return {
    at: node.createdAt,
    actor: `rule ${rule.name}`,
    from: seen.interfaceName,
    action: 'node.added',
    target: node.fqdn,
    data: { before: null, after: toldOfNode(node) },
  };
}

/** The node with the name that the rule gives: with a counter, the first number whose name nobody has. */
async function named(
  journey: Journey,
  repositories: Repositories,
  node: Node,
  template: string,
  seen: Sighting,
  machine: Machine,
): Promise<Node> {
  const facts = {
    mac: seen.mac,
    serial: serialIn(machine.facts),
    uuid: seen.uuid,
    arch: seen.arch,
    site: node.site,
  };
  const [counterName] = countersIn(template);
  if (counterName === undefined) return { ...node, fqdn: nameOfMachine(template, facts, {}) };
  const { counters } = journey.profiles.require(node.profile);
  const counter = readPools({}, counters).pools.find(({ name }) => name === counterName);
  if (counter === undefined) throw noCounter(counterName, node.profile);
  const taken: number[] = [];
  for (let attempt = 0; attempt < NAMES; attempt += 1) {
    const { scope, from, to, print } = counter;
    const request = {
      nodeId: node.id,
      scope,
      pool: counterName,
      from,
      to,
      except: [...counter.except, ...taken],
      at: node.createdAt,
    };
    const number = await repositories.claims.peek(request);
    if (number === undefined) break;
    const fqdn = nameOfMachine(template, facts, { [counterName]: print(number) });
    if ((await repositories.nodes.byFqdn(fqdn)) === undefined) {
      await repositories.claims.take(request);
      return { ...node, fqdn };
    }
    taken.push(number);
  }
  throw new IronwakeError({
    kind: 'conflict',
    code: 'pool.exhausted',
    field: `counters.${counterName}`,
    message: `counter '${counterName}' has no number left whose name is free`,
    remedy: 'Make its range larger in the profile, or archive nodes that are gone.',
  });
}

function noCounter(name: string, profile: string): IronwakeError {
  return new IronwakeError({
    kind: 'conflict',
    code: 'rule.no-counter',
    message: `profile '${profile}' has no counter '${name}', which the name of the rule needs`,
    remedy: `Declare it under counters in the profile, or give the rule another name.`,
  });
}

/**
 * The event catalogue: every code that can stand on a timeline, with its words. Stored are code and data; text, cause and remedy are made
 * here when somebody looks, so that a better sentence also improves old timelines.
 */
import { DETAIL, type EventData, formatBytes, formatDuration, text } from './words.ts';

export type Severity = 'info' | 'good' | 'warning' | 'alarm';

export interface EventWords {
  readonly severity: Severity;
  readonly text: string;
  /** The most likely reason, where there is something wrong. */
  readonly cause?: string;
  /** The one thing to do. */
  readonly remedy?: string;
}

interface Entry {
  readonly severity: Severity;
  readonly text: (data: EventData) => string;
  readonly cause?: (data: EventData) => string | undefined;
  readonly remedy?: (data: EventData) => string | undefined;
}

const info = (say: Entry['text']): Entry => ({ severity: 'info', text: say });
const good = (say: Entry['text']): Entry => ({ severity: 'good', text: say });

const CUT_CAUSES: Readonly<Record<string, string>> = {
  shutdown: 'this server was stopped',
  withdrawn: 'the run was contested, cancelled or over: nothing more is released',
};

const CATALOGUE = {
  'node.registered': info((d) => `registered as ${text(d, 'fqdn')} with profile ${text(d, 'profile')}`),
  'node.changed': info((d) => `${text(d, 'by')} changed ${DETAIL.list(d.fields)}${DETAIL.changes(d)}`),
  'node.archived': info(
    (d) => `archived by ${text(d, 'by')}: name, ports (${DETAIL.list(d.macs)}) and addresses of pools are free again`,
  ),
  'node.unarchived': info((d) => `brought back by ${text(d, 'by')}`),
  'node.replaced': info(
    (d) =>
      `${text(d, 'by')} put another machine in its place: ports ${DETAIL.list(d.after)} instead of ${DETAIL.list(d.before)}`,
  ),
  'node.ports-joined': info(
    (d) => `${DETAIL.list(d.macs)} belong to this node from now on: its installer reported them, and nobody had them`,
  ),
  'node.port-of-another': {
    severity: 'warning',
    text: (d) => `the machine reported ${text(d, 'mac')}, which is a port of ${text(d, 'other')}; nothing was changed`,
    cause: () =>
      'a card that was moved, a management port that has the same address in many machines, or a false report',
    remedy: () =>
      'If the card was moved: npx ironwake node mac rm on the other node, then npx ironwake node mac add NAME MAC.',
  },
  'node.rearmed': info(() => 'armed again: its install policy is always, and its last installation was ready'),
  'node.not-rearmed': {
    severity: 'warning',
    text: (d) => `not armed again although its install policy is always: ${text(d, 'message')}`,
    remedy: (d) => text(d, 'remedy'),
  },
  'pool.address-answers': {
    severity: 'warning',
    text: (d) => `${text(d, 'address')} was passed over: ${text(d, 'mac')} answers there, and no node has it`,
    cause: () => 'a machine that the registry does not know has this address by hand or by DHCP',
    remedy: () => 'Register that machine with its address, or put the address under except in the pool.',
  },
  'pool.address-in-dhcp-range': {
    severity: 'warning',
    text: (d) =>
      `${text(d, 'address')} of pool ${text(d, 'pool')} lies in the range that the DHCP server ${text(d, 'server')} gives out (seen: ${text(d, 'from')} to ${text(d, 'to')})`,
    cause: () => 'pool and DHCP range overlap: sooner or later two machines have one address',
    remedy: () => 'Move the range of the pool, or that of the DHCP server.',
  },
  'rule.registered': info((d) => `rule ${text(d, 'rule')} registered this machine`),
  'rule.not-armed': {
    severity: 'alarm',
    text: (d) => `rule ${text(d, 'rule')} could not arm it: ${text(d, 'message')}`,
    remedy: (d) => text(d, 'remedy'),
  },
  'rule.not-registered': {
    severity: 'alarm',
    text: (d) => `rule ${text(d, 'rule')} matched this machine and could not register it: ${text(d, 'message')}`,
    remedy: (d) => text(d, 'remedy'),
  },
  'run.armed': info(
    (d) => `installation of ${text(d, 'media')} armed by ${text(d, 'by')}, for ${formatDuration(d.expiresInMs)}`,
  ),
  'run.cancelled': { severity: 'warning', text: (d) => `installation cancelled by ${text(d, 'by')}` },
  'run.expired': {
    severity: 'warning',
    text: () => 'the armed installation expired: the machine did not come to the installer in time',
    cause: () => 'the machine was not powered on, does not boot from the network first, or cannot reach this server',
    remedy: () => 'Power it on with network boot first, then arm it again: npx ironwake node install NAME.',
  },
  'run.stalled': {
    severity: 'warning',
    text: (d) => `nothing new for ${formatDuration(d.silentMs)} in state ${text(d, 'state')}`,
    cause: (d) => DETAIL.stallCause(d),
    remedy: (d) => DETAIL.stallRemedy(d),
  },
  'run.resumed': good((d) => `going on after a stall in state ${text(d, 'state')}`),
  'run.failed': {
    severity: 'alarm',
    text: (d) => `the installation failed: ${DETAIL.failure(d)}`,
    remedy: () => 'Mend the cause, then arm the machine again: npx ironwake node install NAME.',
  },
  'run.contested': {
    severity: 'alarm',
    text: (d) => `contested: ${DETAIL.contest(d)}; nothing more is released for this run`,
    cause: () =>
      'somebody else on the network used a token of this run, or the machine was restarted in the middle of the installation',
    remedy: () =>
      'Look at the machine. If it was you: npx ironwake node trust NAME. If not: npx ironwake node cancel NAME, find the stranger, then install again.',
  },
  'run.clock-jumped': {
    severity: 'warning',
    text: (d) =>
      `the clock of this server was set ${Number(d.byMs) < 0 ? 'back' : 'forward'} by ${formatDuration(Math.abs(Number(d.byMs)))}; the deadline moved along`,
    cause: () => 'time synchronisation, a person, or this server slept',
    remedy: () => 'If it happens again: look at the time synchronisation of this server (timedatectl).',
  },
  'run.trusted': { severity: 'warning', text: (d) => `${text(d, 'by')} looked and trusts this run again` },
  'run.certificate-changed': {
    severity: 'alarm',
    text: () => "the server's certificate was changed at once: what this installation was told to trust is gone",
    remedy: () => 'Cancel it and install again: npx ironwake node cancel NAME, npx ironwake node install NAME.',
  },
  'run.ready': good((d) => `ready: installed, hardened and verified in ${formatDuration(d.durationMs)}`),

  'boot.firmware-asked': info(
    (d) => `${text(d, 'arch')} ${text(d, 'stage')} asks for a boot file on ${text(d, 'interface')}`,
  ),
  'boot.restarted': {
    severity: 'warning',
    text: (d) => `the machine netboots again (it had come to state ${text(d, 'from')})`,
    cause: () => 'somebody restarted it, or the loader or kernel failed',
    remedy: () => "If this repeats, look at the machine's screen: the boot script says there what failed.",
  },
  'boot.loader-fetched': info(
    (d) => `fetched the loader ${text(d, 'file')} (${formatBytes(d.bytes)}) by ${text(d, 'via')}`,
  ),
  'boot.script-served': info((d) => `boot script served to ${text(d, 'address')}`),
  'boot.kernel-sent': info((d) => `kernel sent to ${text(d, 'address')}`),
  'boot.image-started': info(
    (d) => `loading initrd and image (${formatBytes(d.total)}) to ${text(d, 'address')}, source ${text(d, 'binding')}`,
  ),
  'boot.image-delivered': info(
    (d) => `initrd and image delivered (${formatBytes(d.bytes)} in ${formatDuration(d.durationMs)})`,
  ),
  'boot.image-cut': {
    severity: 'warning',
    text: (d) => `the transfer of the image ended after ${formatBytes(d.bytes)} of ${formatBytes(d.total)}`,
    cause: (d) => CUT_CAUSES[text(d, 'because')] ?? 'the machine closed the connection or was switched off',
    remedy: () => 'The boot script asks again by itself; if it does not, restart the machine.',
  },
  'boot.local-disk': info((d) => `sent to its local disk: ${text(d, 'because')}${DETAIL.reference(d)}`),
  'boot.image-missing': {
    severity: 'alarm',
    text: (d) => `the installer image cannot be read: ${text(d, 'message')}`,
    remedy: (d) => text(d, 'remedy'),
  },

  'installer.seen': info(() => 'the live system is up and asks DHCP as the automated installer does'),
  'installer.answer-served': info(
    (d) =>
      `answer handed out to ${text(d, 'address')} (${text(d, 'product')} ${text(d, 'release')}); from now on the machine boots its disk`,
  ),
  'installer.address-changed': {
    severity: 'warning',
    text: (d) =>
      `the installer asks from ${text(d, 'address')}, its loader had ${text(d, 'before')}; the MAC is the same`,
    cause: () => 'a DHCP server that gives loader and installer different addresses, or somebody who forges the MAC',
    remedy: () => 'With the first there is nothing to do; a reservation for this machine makes the message go away.',
  },
  'installer.request-unusable': {
    severity: 'alarm',
    text: (d) => `the request for the answer from ${text(d, 'address')} was not taken: ${text(d, 'message')}`,
    cause: () => 'an installer of another product, or somebody who uses the token of this run',
    remedy: () => 'The machine stands at a shell now: look at its screen, then restart it to netboot again.',
  },
  'installer.answer-invalid': {
    severity: 'alarm',
    text: (d) => `no valid answer could be made: ${text(d, 'message')}`,
    remedy: (d) => text(d, 'remedy'),
  },
  'installer.hook-fetched': info(
    () => 'the installer accepted the answer and fetched the first-boot executable; it writes to the disk now',
  ),
  'installer.installed': good(
    (d) => `installed as ${text(d, 'fqdn')} (${text(d, 'product')} ${text(d, 'version')}); host keys recorded`,
  ),
  'installer.webhook-repeated': info(() => 'the same post-installation report came again; nothing changed'),
  'installer.webhook-unreadable': {
    severity: 'alarm',
    text: () => 'the post-installation report could not be read, so the host keys of the node are not known',
    cause: () => 'an installer of a release that sends another form',
    remedy: () => 'The node cannot prove itself and its plan will not run: cancel, and install with another image.',
  },
  'installer.webhook-held': {
    severity: 'warning',
    text: () => 'the post-installation report came while the run is contested; it is kept until you decide',
    remedy: () => 'npx ironwake node trust NAME takes it, npx ironwake node cancel NAME throws it away.',
  },

  'node.proved': good(
    (d) => `the node proved its ${text(d, 'keyType')} host key ${text(d, 'fingerprint')} and got its credential`,
  ),
  'node.signature-refused': {
    severity: 'alarm',
    text: (d) =>
      `a first-boot request from ${text(d, 'address')} could not prove the node's host key: ${text(d, 'reason')}`,
    cause: () => 'a stranger who knows the run, or a node whose host keys were made anew after the installation',
    remedy: () => 'If the host keys were regenerated, install the node again; else find the stranger.',
  },
  'node.credential-revoked': {
    severity: 'warning',
    text: (d) => `${text(d, 'by')} revoked the credential of the node; it has to prove its host key again`,
  },
  'node.password-read': {
    severity: 'warning',
    text: (d) => `${text(d, 'by')} read the random root password of this installation; it is kept no longer`,
  },
  'secret.born': {
    severity: 'info',
    text: (d) =>
      `${text(d, 'module')} made the secret ${text(d, 'name')}${d.replaced === true ? ', in place of one that nobody had read' : ''}; it is kept sealed until an administrator has read it`,
    remedy: () => 'Read it, which can be done once: npx ironwake node secrets NAME.',
  },
  'secret.read': {
    severity: 'warning',
    text: (d) =>
      `${text(d, 'by')} read the secret ${text(d, 'name')} that ${text(d, 'module')} made; it is kept no longer`,
  },
  'plan.withheld': {
    severity: 'warning',
    text: (d) => `${DETAIL.list(d.modules)} wait for the confirmation code, because secrets are in them`,
    remedy: () =>
      "Read the code on the machine's screen (or serial console), then: npx ironwake run confirm NAME CODE.",
  },
  'plan.waiting-for-code': {
    severity: 'warning',
    text: () => 'everything else is done: the node shows its code and waits for a person',
    remedy: () =>
      "Read the code on the machine's screen (or serial console), then: npx ironwake run confirm NAME CODE.",
  },
  'run.confirmed': good((d) => `${text(d, 'by')} confirmed the node by its code (host key ${text(d, 'fingerprint')})`),
  'run.wrong-code': {
    severity: 'alarm',
    text: (d) =>
      `${text(d, 'by')} entered a code that is not this node's; ${text(d, 'left')} more attempts before a pause`,
    cause: () => "a slip, or the machine at whose screen you stand is not the one that asks for this node's secrets",
    remedy: () =>
      'Read the code again. If it is typed right and refused, cancel the run and find out who else answers as this node.',
  },
  'plan.fetched': info((d) => `the node fetched its plan: ${DETAIL.list(d.modules)}`),
  'plan.step': {
    severity: 'info',
    text: (d) =>
      `${text(d, 'module')}: ${text(d, 'step')} ${text(d, 'result')} in ${formatDuration(d.durationMs)}${DETAIL.suffix(d)}`,
  },
  'plan.step-failed': {
    severity: 'alarm',
    text: (d) =>
      `${text(d, 'module')}: ${text(d, 'step')} failed after ${formatDuration(d.durationMs)}${DETAIL.suffix(d)}`,
    remedy: () => "Read the step's output (npx ironwake node show --output), mend the cause, then install again.",
  },
  'plan.ordered': info(
    (d) => `the plan was ordered by ${text(d, 'by')}: the node fetches it when it asks the next time`,
  ),
  'plan.applied': info((d) => `the plan that ${text(d, 'by')} ordered holds`),
  'plan.apply-failed': {
    severity: 'alarm',
    text: (d) => `the plan that ${text(d, 'by')} ordered did not succeed`,
    remedy: () => "Read the step's output (npx ironwake node show --output), mend the cause, then order it again.",
  },
  'drift.found': {
    severity: 'warning',
    text: (d) =>
      `${text(d, 'module')} no longer holds${DETAIL.suffix(d)}${Array.isArray(d.packages) && d.packages.length > 0 ? ` (since packages changed: ${d.packages.join(', ')})` : ''}`,
    remedy: () => 'Look: npx ironwake drift --node NODE; mend it: npx ironwake plan apply --node NODE.',
  },
  'drift.gone': info((d) => `${text(d, 'module')} holds again`),
  'plan.probe': {
    severity: 'info',
    text: (d) =>
      `this server tried to reach the node through its new settings: ${text(d, 'result')}${DETAIL.suffix(d)}`,
  },

  refused: {
    severity: 'warning',
    text: (d) =>
      `refused ${text(d, 'what')} from ${text(d, 'address')}: ${DETAIL.refusal(d)} (reference ${text(d, 'reference')})`,
  },
} satisfies Readonly<Record<string, Entry>>;

export type EventCode = keyof typeof CATALOGUE;

/**
 * What anybody on the network can have written again and again, a row a second each, by forged packets and refused requests. The other codes
 * stand for something that happens a few times in a run: no flood pushes them out of sight. An index is made for exactly these
 * (store/migrations/0006): a code that is added here needs a new one.
 */
export const REPEATABLE_CODES = [
  'boot.firmware-asked',
  'boot.image-cut',
  'boot.image-delivered',
  'boot.image-started',
  'boot.kernel-sent',
  'boot.loader-fetched',
  'boot.local-disk',
  'boot.restarted',
  'boot.script-served',
  'installer.request-unusable',
  'installer.webhook-repeated',
  'refused',
] as const satisfies readonly EventCode[];

export const EVENT_CODES = Object.keys(CATALOGUE) as readonly EventCode[];

/** The words of an event. A code of a newer version (read from an older database copy) is shown as it is. */
export function describeEvent(code: EventCode, data: EventData): EventWords {
  const entry: Entry | undefined = CATALOGUE[code];
  if (entry === undefined) return { severity: 'info', text: code };
  const cause = entry.cause?.(data);
  const remedy = entry.remedy?.(data);
  return {
    severity: entry.severity,
    text: entry.text(data),
    ...(cause === undefined ? {} : { cause }),
    ...(remedy === undefined ? {} : { remedy }),
  };
}

/** Commands that only look: explain, status, profiles, discovered, events. */

import { whole } from './option-values.ts';
import { print, type Session } from './session.ts';
import { facts, table } from './table.ts';
import { type ExitStatus, printable } from './terminal.ts';
import { dayAndTime, runWords, timelineLines } from './timeline.ts';

export async function explain(session: Session, args: readonly string[]): Promise<ExitStatus> {
  const view = await session.client.explain(args[0] ?? '');
  const { node, run } = view;
  const who = node === null ? 'nobody registered it' : `${node.fqdn}, profile ${node.profile}, ${runWords(run)}`;
  print(
    session,
    view,
    () =>
      `${printable(`${view.mac}: ${who}`)}\n` +
      table(
        ['ASKED BY', 'IT GETS', 'FILE OR URL', 'BECAUSE'],
        view.offers.map((offer) => [offer.client, offer.decision, offer.what, offer.because]),
        'No network is served, so it would be offered nothing.',
      ) +
      [
        ...new Set(
          view.offers.flatMap(({ remedy, what }) => (remedy === undefined ? [] : [`! ${what} is missing. ${remedy}`])),
        ),
      ]
        .map((line) => `${printable(line)}\n`)
        .join(''),
  );
  return 0;
}

export async function status(session: Session): Promise<ExitStatus> {
  const view = await session.client.status();
  const { counters, counts } = view;
  print(
    session,
    view,
    () =>
      `ironwake ${printable(view.version)}, site ${printable(view.site)}\n` +
      facts([
        ['serving since', dayAndTime(view.startedAt)],
        ...view.segments.map(
          (segment) => ['network', `${segment.interfaceName} ${segment.address} ${segment.httpsUrl}`] as const,
        ),
        ['certificate', view.fingerprint],
        ['machines', `${counts.nodes} registered, ${counts.discovered} strangers seen`],
        [
          'installations',
          `${counts.activeRuns} under way, ${counts.stalledRuns} stalled, ${counts.contestedRuns} contested`,
        ],
        ['images', String(counts.media)],
        ['DHCP packets', tally(counters.dhcp)],
        ...(Object.keys(counters.dhcpMalformed).length === 0
          ? []
          : [['malformed', tally(counters.dhcpMalformed)] as const]),
        ['TFTP requests', tally(counters.tftp)],
      ]) +
      view.problems.map((problem) => `! ${printable(problem)}\n`).join(''),
  );
  return 0;
}

/** `3 answered, 1 failed`: what has happened at all. */
function tally(counters: Readonly<Record<string, number>>): string {
  const seen = Object.entries(counters).filter(([, count]) => count > 0);
  return seen.map(([what, count]) => `${count} ${printable(what).replaceAll(/[-_]/g, ' ')}`).join(', ') || 'none yet';
}

export async function profiles(session: Session): Promise<ExitStatus> {
  const view = await session.client.profiles();
  print(
    session,
    view,
    () =>
      table(
        ['PROFILE', 'DESCRIPTION'],
        view.items.map((profile) => [profile.name, profile.description ?? '']),
        'There is no profile. They are YAML files in the answers directory.',
      ) + view.problems.map((problem) => `! ${printable(problemLine(problem))}\n`).join(''),
  );
  return 0;
}

export async function discovered(session: Session): Promise<ExitStatus> {
  const machines = await session.client.discovered();
  print(session, machines, () =>
    table(
      ['MAC', 'ARCH', 'INTERFACE', 'ADDRESS', 'LAST SEEN', 'PACKETS', 'VENDOR CLASS', 'UUID', 'NAME'],
      machines.map((machine) => [
        machine.mac,
        machine.arch ?? '',
        machine.interfaceName,
        machine.address ?? '',
        dayAndTime(machine.lastSeenAt),
        String(machine.packets),
        machine.vendorClass ?? '',
        machine.uuid ?? '',
        machine.hostName ?? '',
      ]),
      'No unregistered machine has been seen.',
    ),
  );
  return 0;
}

/** Findings with a line number name their file themselves. */
function problemLine({ file, message }: { readonly file: string; readonly message: string }): string {
  return message.startsWith(file) ? message : `${file}: ${message}`;
}

export async function events(session: Session, options: Readonly<Record<string, unknown>>): Promise<ExitStatus> {
  const after = options.after === undefined ? 0 : whole(String(options.after), '--after', 0, Number.MAX_SAFE_INTEGER);
  const page = await session.client.events(after, whole(String(options.limit ?? '200'), '--limit', 1, 1000));
  print(session, page, () =>
    page.items.length === 0
      ? 'Nothing has happened since.\n'
      : `${timelineLines(page.items)}more: npx ironwake events --after ${page.next}\n`,
  );
  return 0;
}

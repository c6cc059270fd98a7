/** `ironwake plan show|diff|export`: what will be done on a node, against what was done, and as a script. */
import type { PlanChangeView } from '../api/schemas.ts';
import { print, type Session } from './session.ts';
import { table } from './table.ts';
import { type ExitStatus, printable } from './terminal.ts';

type Options = Readonly<Record<string, unknown>>;

const named = (word: string, names: readonly string[]): string =>
  names.length === 0 ? '' : `${word} ${names.join(', ')}`;

export async function show(session: Session, options: Options): Promise<ExitStatus> {
  const view = await session.client.plan(String(options.node));
  print(session, view, () => {
    const head = `${view.node}: ${view.product} ${view.release}, profile ${view.profile}, ${view.modules.length} modules\n`;
    const modules = view.modules.map((module, index) => {
      const remarks = [
        named('requires', module.requires),
        named('after', module.after),
        module.scope === 'cluster' ? 'belongs to the cluster' : '',
        module.withheld ? 'waits until the node is confirmed' : '',
      ].filter((text) => text !== '');
      const lines = module.parameters.map(({ path, value, origin }) => [
        `   ${path}`,
        value.length > 100 ? `${value.slice(0, 97)}...` : value,
        origin ?? 'default',
      ]);
      const parameters = lines.length === 0 ? '' : table(['   parameter', 'value', 'from'], lines, '');
      return `\n${index + 1}. ${module.name}: ${printable(module.title)}${remarks.length === 0 ? '' : ` (${remarks.join('; ')})`}\n   ${printable(module.why)}\n${parameters}`;
    });
    return `${printable(head.trimEnd())}\n${modules.join('')}`;
  });
  return 0;
}

/** Exit status 0: nothing would change, 1: something would. */
export async function diff(session: Session, options: Options): Promise<ExitStatus> {
  if (options.all === true) {
    const items = await session.client.planImpact();
    print(session, items, () =>
      table(
        ['node', 'module', 'change'],
        items.flatMap(({ node, changes }) => changes.map((change) => [node, change.module, words(change)])),
        'No installed node would change.',
      ),
    );
    return items.length === 0 ? 0 : 1;
  }
  const view = await session.client.planDiff(String(options.node));
  print(session, view, () => {
    const last = view.last === null ? 'no plan has run yet' : `the plan of ${view.last.at}`;
    return `${printable(view.node)}: against ${last}\n${table(
      ['module', 'change', 'from'],
      view.changes.map((change) => [change.module, words(change), change.origin ?? '']),
      'Nothing would change.',
    )}`;
  });
  return view.changes.length === 0 ? 0 : 1;
}

function words({ change, path, before, after }: PlanChangeView): string {
  if (change !== 'changed') return change;
  return `${path}: ${before ?? '(none)'} -> ${after ?? '(none)'}`;
}

export async function exportScript(session: Session, options: Options): Promise<ExitStatus> {
  const view = await session.client.exportPlan(String(options.node), options.withSecrets === true);
  if (view.left.length > 0)
    session.io.err(
      `ironwake: left out, because they carry secrets: ${view.left.join(', ')}. With --with-secrets they are in it, readable.\n`,
    );
  // As the daemon made it: a script, not text for a terminal.
  print(session, view, () => view.script);
  return 0;
}

/** Exit status 0: everything holds, 1: something does not. */
export async function drift(session: Session, options: Options): Promise<ExitStatus> {
  const views =
    options.node === undefined ? await session.client.drift() : [await session.client.driftOf(String(options.node))];
  print(session, options.node === undefined ? views : views[0], () => {
    const rows = views.flatMap((view) =>
      view.drift.flatMap(({ module, since, detail, differences, packages }) => {
        const found =
          differences.length === 0
            ? [detail]
            : differences.map(({ what, expected, found }) => `${what}: expected ${expected}, found ${found}`);
        const why = packages.length === 0 ? [] : [`packages changed just before: ${packages.join(', ')}`];
        return [...found, ...why].map((line, index) =>
          index === 0 ? [view.node, module, since, line] : ['', '', '', line],
        );
      }),
    );
    const silent = views.filter(({ verifiedAt }) => verifiedAt === null).map(({ node }) => node);
    const watched =
      views.length === 0
        ? 'No node looks at itself yet.'
        : `Everything holds (${views.length} nodes looked at themselves).`;
    return `${table(['node', 'module', 'since', 'difference'], rows, watched)}${silent.length === 0 ? '' : `Not looked yet: ${silent.join(', ')}\n`}`;
  });
  return views.some((view) => view.drift.length > 0) ? 1 : 0;
}

export async function apply(session: Session, options: Options): Promise<ExitStatus> {
  const view = await session.client.applyPlan(String(options.node));
  print(
    session,
    view,
    () =>
      `${printable(view.node)} gets its plan when it asks the next time, within some minutes. Watch it: npx ironwake watch ${printable(view.node)}\n`,
  );
  return 0;
}

/** `ironwake webhook ...` */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { DeliverySummary, IssuedWebhookView, WebhookPatch, WebhookView } from '../api/webhooks.ts';
import { invalid, messageOf, systemCode } from '../errors.ts';
import { writePrivateFile } from '../trust/private-file.ts';
import { whole } from './option-values.ts';
import { print, type Session } from './session.ts';
import { facts, table } from './table.ts';
import { type ExitStatus, printable } from './terminal.ts';
import { dayAndTime } from './timeline.ts';

type Args = readonly string[];
type Options = Readonly<Record<string, unknown>>;

export async function add(session: Session, [name = '']: Args, options: Options): Promise<ExitStatus> {
  const issued = await session.client.addWebhook({
    name,
    url: String(options.url),
    ...(await settingsOf(session, options)),
    ...(typeof options.secret === 'string' && { secret: options.secret }),
  });
  return hand(session, issued, options);
}

async function settingsOf({ io }: Session, options: Options): Promise<Omit<WebhookPatch, 'enabled'>> {
  const { event, severity, allowHttp, allowLoopback } = options;
  return {
    ...(Array.isArray(event) && { events: event.map(String) }),
    ...(Array.isArray(severity) && { severities: severity.map(severityOf) }),
    ...(typeof allowHttp === 'boolean' && { allowHttp }),
    ...(typeof allowLoopback === 'boolean' && { allowLoopback }),
    ...(typeof options.ca === 'string' && { ca: await readText(resolve(io.cwd, options.ca), '--ca') }),
  };
}

const SEVERITIES = ['info', 'good', 'warning', 'alarm'] as const;

function severityOf(text: unknown): (typeof SEVERITIES)[number] {
  const found = SEVERITIES.find((known) => known === text);
  if (found !== undefined) return found;
  throw invalid(
    'webhook.severity',
    '--severity',
    `'${String(text).slice(0, 20)}' is no severity`,
    `One of ${SEVERITIES.join(', ')}.`,
  );
}

async function readText(path: string, option: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw invalid(
      'file.unreadable',
      option,
      `${path} cannot be read (${systemCode(error) ?? messageOf(error)})`,
      'Check the path and its permissions.',
    );
  }
}

/** The one time that the secret is there: to the file, or to standard output. */
async function hand(session: Session, issued: IssuedWebhookView, options: Options): Promise<ExitStatus> {
  const { secret, ...view } = issued;
  const words = `webhook ${printable(view.name)} is sent ${printable(view.events.join(', '))}`;
  const trial = `Try it: npx ironwake webhook test ${printable(view.name)}`;
  if (secret === null) {
    print(session, view, () => `${words}, signed with the stored secret\n${trial}\n`);
    return 0;
  }
  if (typeof options.out === 'string') {
    const path = resolve(session.io.cwd, options.out);
    await writePrivateFile(path, `${secret}\n`);
    print(session, { ...view, file: path }, () => `${words}; its secret is in ${printable(path)}\n${trial}\n`);
    return 0;
  }
  print(session, issued, () => `${secret}\n`);
  if (!session.json) session.io.err(`${words}, signed with this secret, which is not shown again\n${trial}\n`);
  return 0;
}

export async function list(session: Session): Promise<ExitStatus> {
  const webhooks = await session.client.webhooks();
  print(session, webhooks, () =>
    table(
      ['WEBHOOK', 'HEALTH', 'WAITING', 'DEAD', 'LAST DELIVERED', 'URL', 'EVENTS'],
      webhooks.map((webhook) => [
        webhook.name,
        healthOf(webhook),
        String(webhook.waiting),
        String(webhook.dead),
        webhook.lastDeliveredAt === null ? '' : dayAndTime(webhook.lastDeliveredAt),
        webhook.url,
        webhook.events.join(', '),
      ]),
      'There is no webhook. Add one: npx ironwake webhook add NAME --url https://...',
    ),
  );
  return 0;
}

const OFF: Readonly<Record<string, string>> = {
  asked: 'off',
  gone: 'off: it answered 410 Gone',
  failing: 'off: it failed for days',
  overflow: 'off: too many waited',
};

function healthOf({ health, off, failures }: WebhookView): string {
  if (off !== null) return OFF[off.because] ?? off.because;
  return health === 'failing' ? `failing (${failures})` : health;
}

export async function show(session: Session, [name = '']: Args): Promise<ExitStatus> {
  const view = await session.client.webhook(name);
  print(session, view, () => webhookFacts(view));
  return 0;
}

function webhookFacts(view: WebhookView): string {
  const at = (time: string | null): string | undefined => (time === null ? undefined : dayAndTime(time));
  const { off, lastFailure } = view;
  return facts([
    ['webhook', view.name],
    ['url', view.url],
    ['events', view.events.join(', ')],
    ['severities', view.severities.length === 0 ? undefined : view.severities.join(', ')],
    ['health', healthOf(view)],
    ['off since', at(off?.at ?? null)],
    ['failing since', at(view.failingSince)],
    ['tried again', at(view.nextTryAt)],
    ['last failure', lastFailure === null ? undefined : `${dayAndTime(lastFailure.at)} ${lastFailure.what}`],
    ['last delivered', at(view.lastDeliveredAt)],
    ['waiting', String(view.waiting)],
    ['dead', String(view.dead)],
    ['left out', view.shed === 0 ? undefined : `${view.shed} repeated boot events, because too many waited`],
    ['plain HTTP', view.allowHttp ? 'allowed' : undefined],
    ['this host', view.allowLoopback ? 'allowed' : undefined],
    ['authority', view.ca === null ? undefined : 'its own'],
    ['secret set', at(view.secretAt)],
    ['old secret', view.oldSecretUntil === null ? undefined : `signs as well until ${dayAndTime(view.oldSecretUntil)}`],
    ['added', `${dayAndTime(view.createdAt)} by ${view.createdBy}`],
  ]);
}

export async function set(session: Session, [name = '']: Args, options: Options): Promise<ExitStatus> {
  const change: WebhookPatch = {
    ...(await settingsOf(session, options)),
    ...(typeof options.url === 'string' && { url: options.url }),
    ...(options.ca === false && { ca: null }),
    ...(options.allSeverities === true && { severities: [] }),
  };
  if (Object.keys(change).length === 0)
    throw invalid('webhook.nothing', 'NAME', 'nothing is to be changed', 'Give an option, for example --event.');
  const view = await session.client.changeWebhook(name, change);
  print(session, view, () => webhookFacts(view));
  return 0;
}

export async function enable(session: Session, [name = '']: Args, enabled: boolean): Promise<ExitStatus> {
  const view = await session.client.changeWebhook(name, { enabled });
  print(session, view, () =>
    enabled
      ? `webhook ${printable(view.name)} is on; ${view.waiting} deliveries waited, ${view.dead} are dead\n`
      : `webhook ${printable(view.name)} is off: what happens now is not sent, also not later\n`,
  );
  return 0;
}

export async function rotate(session: Session, [name = '']: Args, options: Options): Promise<ExitStatus> {
  const overlapHours = whole(String(options.overlap ?? '24'), '--overlap', 0, 720);
  const secret = typeof options.secret === 'string' ? { secret: options.secret } : {};
  return hand(session, await session.client.rotateWebhook(name, { overlapHours, ...secret }), options);
}

/** The first attempt is made within moments, and answers within 20 seconds or not at all. */
const TRIAL_LOOKS = 100;
const TRIAL_LOOK_MS = 250;

export async function test(session: Session, [name = '']: Args): Promise<ExitStatus> {
  const { client, io } = session;
  let trial = await client.tryWebhook(name);
  for (let look = 0; look < TRIAL_LOOKS && trial.tries === 0; look += 1) {
    await io.sleep(TRIAL_LOOK_MS);
    trial = await client.delivery(name, trial.id);
  }
  const { id, state, status, failure } = trial;
  print(session, trial, () =>
    state === 'delivered'
      ? `delivered ${printable(id)}: answered ${status}\n`
      : `not delivered ${printable(id)}: ${printable(failure ?? 'nothing was heard yet')}\n`,
  );
  return state === 'delivered' ? 0 : 1;
}

export async function deliveries(session: Session, [name = '', id]: Args, options: Options): Promise<ExitStatus> {
  if (id !== undefined) {
    const view = await session.client.delivery(name, id);
    print(session, view, () => `${deliveryFacts(view)}${printable(JSON.stringify(view.payload, undefined, 2))}\n`);
    return 0;
  }
  const { state } = options;
  const items = await session.client.deliveries(name, {
    limit: whole(String(options.limit ?? '50'), '--limit', 1, 1000),
    ...((state === 'waiting' || state === 'delivered' || state === 'dead') && { state }),
  });
  print(session, items, () =>
    table(
      ['ID', 'HAPPENED', 'EVENT', 'STATE', 'TRIES', 'LAST ANSWER', 'NEXT TRY'],
      items.map((item) => [
        item.id,
        dayAndTime(item.createdAt),
        item.code,
        item.state,
        String(item.tries),
        answerOf(item),
        item.nextTryAt === null ? '' : dayAndTime(item.nextTryAt),
      ]),
      'There is none.',
    ),
  );
  return 0;
}

const answerOf = ({ failure, status }: DeliverySummary): string => failure ?? (status === null ? '' : String(status));

function deliveryFacts(view: DeliverySummary): string {
  const at = (time: string | null): string | undefined => (time === null ? undefined : dayAndTime(time));
  return facts([
    ['delivery', view.id],
    ['event', view.event === null ? view.code : `${view.code} (${view.event})`],
    ['state', view.state],
    ['tries', String(view.tries)],
    ['last try', at(view.lastTryAt)],
    ['answer', answerOf(view) || undefined],
    ['next try', at(view.nextTryAt)],
    ['ended', at(view.endedAt)],
  ]);
}

export async function retry(session: Session, args: Args, options: Options): Promise<ExitStatus> {
  const { name, id } = which(args, options);
  if (id !== undefined) {
    const view = await session.client.retryDelivery(name, id);
    print(session, view, () => `${printable(view.id)} is sent again\n`);
    return 0;
  }
  const done = await session.client.retryDeliveries(name);
  print(session, done, () => `${done.deliveries} deliveries are sent again\n`);
  return 0;
}

export async function discard(session: Session, args: Args, options: Options): Promise<ExitStatus> {
  const { name, id } = which(args, options);
  if (id !== undefined) {
    await session.client.discardDelivery(name, id);
    print(session, { discarded: id }, () => `thrown away ${printable(id)}\n`);
    return 0;
  }
  const done = await session.client.discardDeliveries(name);
  print(session, done, () => `${done.deliveries} deliveries were thrown away\n`);
  return 0;
}

function which([name = '', id]: Args, options: Options): { readonly name: string; readonly id: string | undefined } {
  if ((id === undefined) === (options.all === true)) return { name, id };
  throw invalid('webhook.which', 'ID', 'one delivery or all of them', 'Name a delivery, or say --all.');
}

export async function remove(session: Session, [name = '']: Args): Promise<ExitStatus> {
  await session.client.removeWebhook(name);
  print(session, { removed: name }, () => `removed webhook ${printable(name)} and its deliveries\n`);
  return 0;
}

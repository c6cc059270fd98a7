/** Webhooks: what the doctor says of each, and what is to be done. */
import { generate } from 'selfsigned';
import { test } from 'tap';
import type { WebhookView } from '../../../src/api/webhooks.ts';
import { judgeWebhooks } from '../../../src/doctor/webhooks.ts';

const NOW = Date.parse('2027-01-15T08:00:00.000Z');
const HOUR_MS = 3_600_000;
const at = (hours: number): string => new Date(NOW + hours * HOUR_MS).toISOString();

const GOOD: WebhookView = {
  id: 'id',
  name: 'chat-ops',
  revision: 1,
  url: 'https://hooks.example.net/path-that-is-a-secret',
  events: ['run.*'],
  severities: [],
  allowHttp: false,
  allowLoopback: false,
  ca: null,
  enabled: true,
  off: null,
  health: 'good',
  failures: 0,
  failingSince: null,
  nextTryAt: null,
  lastDeliveredAt: at(-1),
  lastFailure: null,
  waiting: 0,
  dead: 0,
  shed: 0,
  secretAt: at(-100),
  oldSecretUntil: null,
  createdAt: at(-100),
  createdBy: 'admin',
};
const FAILED = { failures: 4, failingSince: at(-2), lastFailure: { at: at(-1), what: 'ECONNREFUSED' }, waiting: 7 };
const off = (because: 'asked' | 'gone' | 'failing' | 'overflow') => ({ enabled: false, off: { because, at: at(-9) } });

async function authority(fromHours: number, toHours: number): Promise<string> {
  const { cert } = await generate([{ name: 'commonName', value: 'hooks.example.net' }], {
    keyType: 'ec',
    notBeforeDate: new Date(NOW + fromHours * HOUR_MS),
    notAfterDate: new Date(NOW + toHours * HOUR_MS),
  });
  return cert;
}

test('one endpoint', async (t) => {
  const [old, young, ended] = [await authority(-9999, 100), await authority(-1, 9999), await authority(-9999, -1)];
  const rows: ReadonlyArray<
    readonly [name: string, changes: Partial<WebhookView>, ...found: ReadonlyArray<readonly [string, RegExp, RegExp?]>]
  > = [
    ['told an hour ago', {}, ['ok webhooks.good', /chat-ops: last delivered 2027-01-15 07:00 UTC$/]],
    ['never used', { lastDeliveredAt: null }, ['ok webhooks.good', /nothing was sent yet/]],
    [
      'nobody listens there',
      FAILED,
      [
        'warning webhooks.failing',
        /4 times in a row since 2027-01-15 06:00 UTC.*ECONNREFUSED; 7 messages wait/,
        /webhook test chat-ops/,
      ],
    ],
    ['switched off by hand', off('asked'), ['ok webhooks.off', /as somebody asked/]],
    [
      'switched off as it failed',
      { ...FAILED, ...off('failing') },
      ['problem webhooks.switched-off', /three days.*ECONNREFUSED; 7 messages wait/, /webhook enable chat-ops/],
    ],
    ['gone', off('gone'), ['problem webhooks.switched-off', /410/, /enable/]],
    ['too much waited', off('overflow'), ['problem webhooks.switched-off', /10 000/, /enable/]],
    ['a slow one', { waiting: 1000 }, ['warning webhooks.slow', /1000 messages wait/, /webhook set chat-ops/]],
    ['some wait', { waiting: 999 }, ['ok webhooks.good', /./]],
    [
      'one given up',
      { dead: 1 },
      [
        'warning webhooks.dead-letters',
        /^1 message to chat-ops was given up$/,
        /deliveries chat-ops --state dead.*retry chat-ops --all.*discard/,
      ],
    ],
    [
      'given up, and failing still',
      { ...FAILED, dead: 2 },
      ['warning webhooks.failing', /./, /./],
      ['warning webhooks.dead-letters', /^2 messages to chat-ops were given up$/, /retry/],
    ],
    ['given up, and switched off by hand', { ...off('asked'), dead: 2 }, ['warning webhooks.dead-letters', /./, /./]],
    ['a rotation that ends tomorrow', { oldSecretUntil: at(24) }, ['ok webhooks.good', /./]],
    [
      'a rotation that ends soon',
      { oldSecretUntil: at(5) },
      ['warning webhooks.old-secret-ends', /signs until 2027-01-15 13:00 UTC only/, /new one/],
    ],
    ['a rotation that has ended', { oldSecretUntil: at(-1) }, ['ok webhooks.good', /./]],
    ['its own authority', { ca: young }, ['ok webhooks.good', /./]],
    [
      'one that ends soon',
      { ca: old },
      ['warning webhooks.ca-ends', /ends 2027-01-19 12:00 UTC/, /set chat-ops --ca FILE/],
    ],
    ['one that has ended', { ca: ended }, ['problem webhooks.ca-ended', /ended 2027-01-15 07:00 UTC/, /--ca FILE/]],
    ['one that has ended beside one that has not', { ca: ended + young }, ['ok webhooks.good', /./]],
    ['no certificate in it', { ca: 'x' }, ['ok webhooks.good', /./]],
  ];
  for (const [name, changes, ...found] of rows) {
    const findings = judgeWebhooks({ kind: 'told', webhooks: [{ ...GOOD, ...changes }] }, NOW);
    t.same(
      findings.map(({ result, code }) => `${result} ${code}`),
      found.map(([words]) => words),
      name,
    );
    for (const [i, [, message, remedy]] of found.entries()) {
      t.match(findings[i]?.message, message, name);
      if (remedy === undefined) t.equal(findings[i]?.remedy, undefined, name);
      else t.match(findings[i]?.remedy, remedy, name);
    }
    t.notMatch(JSON.stringify(findings), 'path-that-is-a-secret', `${name}: a URL may be a secret of the receiver`);
  }
});

test('none, and those that this token may not see', async (t) => {
  t.same(judgeWebhooks({ kind: 'told', webhooks: [] }, NOW), []);
  t.match(judgeWebhooks({ kind: 'refused', message: "a viewer's token may not do this" }, NOW), [
    { result: 'warning', code: 'webhooks.not-asked', message: /viewer's token/, remedy: /admin's token/ },
  ]);
});

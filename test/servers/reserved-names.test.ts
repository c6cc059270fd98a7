/** Nothing can be given the name of a route beside it: `PUT /rules/test` would be a rule, `POST /rules/test` a trial. From the routes themselves. */
import t from 'tap';
import type { Mac } from '../../src/net/mac.ts';
import { aMachine } from '../core/store/fixtures.ts';
import { armed } from '../support/machine.ts';

const MAC = '02:00:00:00:00:77';
const RULE = { when: ['mac:02:*'], gives: { fqdn: 'x{{mac}}.lab.example', profile: 'default' } };

interface Attempt {
  readonly method?: string;
  readonly path: string;
  readonly json: unknown;
}

/** Every way to give a name, by what stands before it in the path. A collection that has no names says why. */
const NAMED: Readonly<Record<string, ((word: string) => readonly Attempt[]) | string>> = {
  '/nodes': (word) => [
    { path: '/nodes', json: { mac: MAC, fqdn: `${word}.lab.example`, profile: 'default' } },
    { path: '/nodes', json: { mac: MAC, fqdn: `${word.toUpperCase()}.lab.example`, profile: 'default' } },
    { method: 'PATCH', path: '/nodes/pve1', json: { fqdn: `${word}.lab.example` } },
    { path: '/nodes/import', json: [{ fqdn: `${word}.lab.example`, macs: [MAC] }] },
    { path: `/discovered/${MAC}/adopt`, json: { fqdn: `${word}.lab.example`, profile: 'default' } },
    { path: '/rules', json: { name: 'fixed', ...RULE, gives: { fqdn: `${word}.lab.example`, profile: 'default' } } },
  ],
  '/rules': (word) => [
    { path: '/rules', json: { name: word, ...RULE } },
    { method: 'PUT', path: '/rules/racks', json: { name: word, ...RULE } },
    { path: '/rules/import', json: { items: [{ name: word, ...RULE }] } },
    { path: '/rules/test', json: { rule: { name: word, ...RULE } } },
  ],
  '/exports': 'formats: the daemon names them',
  '/webhooks/{name}/deliveries': 'the daemon makes their ids',
};

/** `/rules` and `test`, where there are `/rules/{name}` and `/rules/test` or `/rules/test/...`. */
function wordsBesideNames(paths: readonly string[]): ReadonlyArray<readonly [collection: string, word: string]> {
  const split = paths.map((path) => path.split('/').slice(1));
  const collections = new Set(
    split.flatMap((parts) => parts.flatMap((part, i) => (part.startsWith('{') ? [parts.slice(0, i).join('/')] : []))),
  );
  const found = split.flatMap((parts) =>
    parts.flatMap((part, i): string[] =>
      !part.startsWith('{') && collections.has(parts.slice(0, i).join('/')) ? [parts.slice(0, i + 1).join('/')] : [],
    ),
  );
  return [...new Set(found)]
    .sort()
    .map((path) => [`/${path.slice(0, path.lastIndexOf('/'))}`, path.slice(path.lastIndexOf('/') + 1)]);
}

t.test('a name that is a route is refused, everywhere where names are given', async (t) => {
  const { parts, admin } = await armed(t);
  const { call, segment } = parts;
  const api = `${segment.httpsUrl}/api/v1`;
  const ask = (path: string, json: unknown, method?: string) =>
    call(`${api}${path}`, { token: admin, json, ...(method === undefined ? {} : { method }) });
  t.equal((await ask('/rules', { name: 'racks', ...RULE })).status, 201);
  t.equal((await call(`${api}/nodes/pve1/cancel`, { token: admin, method: 'POST' })).status, 200);
  await parts.journey.store.discovered.record(aMachine({ mac: MAC as Mac }), 10);
  const { paths } = JSON.parse((await call(`${api}/openapi.json`)).text) as { readonly paths: Record<string, unknown> };
  const words = wordsBesideNames(Object.keys(paths).map((path) => path.replace(/^\/api\/v1/, '')));
  t.ok(words.length >= 5, `${words.join(' ')}: as many as when this was written, at least`);
  const everything = async () =>
    (await Promise.all(['/nodes', '/rules'].map((path) => call(`${api}${path}`, { token: admin })))).map(
      ({ text }) => text,
    );
  const before = await everything();
  for (const [collection, word] of words) {
    const ways = NAMED[collection];
    t.ok(ways !== undefined, `${collection}/${word}: is a name ${word} refused there?`);
    if (typeof ways !== 'function') continue;
    for (const { method, path, json } of ways(word)) {
      const refused = await ask(path, json, method);
      const name = `${method ?? 'POST'} ${path} ${JSON.stringify(json)}`;
      t.equal(refused.status, 400, `${name}: ${refused.text}`);
      t.match(refused.text, /reserved/, name);
    }
  }
  t.same(await everything(), before, 'and nothing is written');
  for (const near of ['tests', 'imports', 'a-test'])
    t.equal((await ask('/rules', { name: near, ...RULE })).status, 201, `${near} is a name like any other`);
});

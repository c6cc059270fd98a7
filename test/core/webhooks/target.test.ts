/** Where webhooks may go: every spelling of an address that only this host can reach. */
import { test } from 'tap';
import { originOf, parseTarget, refusedAddress } from '../../../src/webhooks/target.ts';

const STRICT = { allowHttp: false, allowLoopback: false };
const LOOSE = { allowHttp: true, allowLoopback: true };

test('targets that are taken', (t) => {
  for (const [url, kept = url] of [
    ['https://hooks.example.net/ironwake'],
    ['https://HOOKS.example.net:443/a?b=c', 'https://hooks.example.net/a?b=c'],
    ['https://10.0.0.7:8443/', 'https://10.0.0.7:8443/'],
    ['https://[fd00::7]/'],
    ['https://100.64.0.1/'],
  ] as const)
    t.equal(parseTarget(url, STRICT).href, kept, url);
  for (const url of ['http://127.0.0.1:8090/', 'http://localhost/', 'http://[::1]/', 'http://10.0.0.7/'])
    t.equal(parseTarget(url, LOOSE).href, url);
  t.end();
});

test('targets that are refused', (t) => {
  for (const [url, why] of [
    ['hooks.example.net', 'no URL'],
    ['', 'no URL'],
    ['ftp://hooks.example.net/', 'only https'],
    ['file:///etc/passwd', 'only https'],
    ['javascript:alert(1)', 'only https'],
    ['https://user:hunter2@hooks.example.net/', 'logs'],
    ['https://user@hooks.example.net/', 'logs'],
    ['https://:hunter2@hooks.example.net/', 'logs'],
    ['https://hooks.example.net/#a', 'fragment'],
    ['https://hooks.example.net/a\r\nX-Evil: 1', 'ASCII'],
    ['https://hooks.example.net/a b', 'ASCII'],
    ['https://hooks.example.net/\t', 'ASCII'],
    ['https://hööks.example.net/', 'ASCII'],
    [`https://hooks.example.net/${'a'.repeat(2000)}`, 'characters'],
    ['http://hooks.example.net/', 'plain HTTP'],
    ['https://localhost/', 'this host itself'],
    ['https://localhost./', 'this host itself'],
    ['https://a.localhost/', 'this host itself'],
    ['https://127.0.0.1/', 'this host itself'],
    ['https://127.1/', 'this host itself'],
    ['https://2130706433/', 'this host itself'],
    ['https://0x7f.0.0.1/', 'this host itself'],
    ['https://[::1]/', 'this host itself'],
    ['https://[::ffff:127.0.0.1]/', 'this host itself'],
    ['https://169.254.169.254/latest/meta-data/', 'link-local'],
    ['https://[::ffff:169.254.169.254]/', 'link-local'],
    ['https://[64:ff9b::a9fe:a9fe]/', 'link-local'],
    ['https://[2002:a9fe:a9fe::1]/', 'link-local'],
    ['https://[fe80::1]/', 'link-local'],
    ['https://0.0.0.0/', 'no single host'],
    ['https://[::]/', 'no single host'],
    ['https://255.255.255.255/', 'no single host'],
    ['https://224.0.0.1/', 'no single host'],
    ['https://[ff02::1]/', 'no single host'],
  ] as const) {
    try {
      parseTarget(url, STRICT);
      t.fail(url);
    } catch (error) {
      t.match(error, { code: 'webhook.url', field: 'url', message: why }, url);
      t.notMatch(String(error), 'hunter2', 'a password is not repeated');
    }
  }
  t.throws(
    () => parseTarget('http://169.254.169.254/', LOOSE),
    { message: 'link-local' },
    'never, whatever is allowed',
  );
  t.end();
});

test('addresses that a name may lead to', (t) => {
  for (const [address, strict, loose] of [
    ['10.0.0.1', undefined, undefined],
    ['192.168.1.1', undefined, undefined],
    ['2001:db8::1', undefined, undefined],
    ['fd12::1', undefined, undefined],
    ['::ffff:10.0.0.1', undefined, undefined],
    ['127.0.0.53', 'loopback', undefined],
    ['::1', 'loopback', undefined],
    ['::ffff:7f00:1', 'loopback', undefined],
    ['::7f00:1', 'loopback', undefined],
    ['64:ff9b::7f00:1', 'loopback', undefined],
    ['fe80::1%eth0', 'link-local', 'link-local'],
    ['fd00:ec2::254', 'link-local', 'link-local'],
    ['100.100.100.200', 'link-local', 'link-local'],
    ['0.0.0.0', 'nobody', 'nobody'],
    ['::', 'nobody', 'nobody'],
    ['239.1.1.1', 'nobody', 'nobody'],
  ] as const) {
    t.equal(refusedAddress(address, STRICT), strict, address);
    t.equal(refusedAddress(address, LOOSE), loose, `${address}, loopback allowed`);
  }
  t.end();
});

test('of a target a log has no path and no query', (t) => {
  t.equal(originOf('https://hooks.example.net:8443/T0/secret?token=hunter2'), 'https://hooks.example.net:8443');
  t.equal(originOf('damaged'), '?');
  t.end();
});

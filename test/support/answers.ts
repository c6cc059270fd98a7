/** Answers to start from in tests, and a way to change one place of them. */
import type { AnswerRequest } from '../../src/answers/build.ts';
import { dialectFor } from '../../src/answers/dialect.ts';
import { parseFqdn } from '../../src/net/fqdn.ts';
import { parseMac } from '../../src/net/mac.ts';

/** `openssl passwd -6 -salt ironwake ironwake` */
export const HASH =
  '$6$ironwake$Vgem59/MluzsK1vLIV16otv3JKF8FbMG7iobOHqKipvyxP8ms0QUfHd55OP0PXcWIXTSMLiVenjybhMNHQ3dZ0';

export const SSH_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIF0COYupUCYeNalguETBRWPLzfRYZS41cuZA2Tlai2b admin@example';

export const FINGERPRINT = 'AB:'.repeat(31).concat('AB');

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonMap = { readonly [key: string]: Json };

/** The smallest answer that every release from 8.4 on accepts. */
export const SMALLEST: JsonMap = {
  global: {
    keyboard: 'de',
    country: 'at',
    fqdn: 'pve1.lab.example',
    mailto: 'root@localhost',
    timezone: 'Europe/Vienna',
    'root-password-hashed': HASH,
  },
  network: { source: 'from-dhcp' },
  'disk-setup': { filesystem: 'ext4', 'disk-list': ['sda'] },
};

export const STATIC: JsonMap = {
  source: 'from-answer',
  cidr: '192.0.2.10/24',
  gateway: '192.0.2.1',
  dns: '192.0.2.53',
  filter: { ID_NET_NAME_MAC: '*bc2411000001' },
};

/** The answer with the value at a path replaced; `undefined` removes it. Path parts are given one by one, as keys may hold dots. */
export function withValue(answer: JsonMap, path: readonly string[], value: Json | undefined): JsonMap {
  const [head, ...rest] = path;
  if (head === undefined) return answer;
  const others = Object.fromEntries(Object.entries(answer).filter(([key]) => key !== head));
  if (rest.length === 0) return value === undefined ? others : { ...others, [head]: value };
  const below = answer[head];
  const map = typeof below === 'object' && below !== null && !Array.isArray(below) ? (below as JsonMap) : {};
  return { ...others, [head]: withValue(map, rest, value) };
}

export const PROFILE_ANSWER: JsonMap = {
  global: { keyboard: 'de', country: 'at', mailto: 'admin@example.org', timezone: 'Europe/Vienna' },
  network: { source: 'from-dhcp' },
  'disk-setup': { filesystem: 'ext4', filter: { DEVNAME: '/dev/[sv]da' } },
};

export function request(over: Partial<AnswerRequest> = {}): AnswerRequest {
  return {
    answer: PROFILE_ANSWER,
    node: { fqdn: parseFqdn('pve1.lab.example'), macs: [parseMac('bc:24:11:00:00:01'), parseMac('bc:24:11:00:00:02')] },
    values: {},
    rootPasswordHash: HASH,
    webhook: { url: 'https://192.0.2.2:8443/w/abc', certFingerprint: FINGERPRINT },
    firstBoot: { url: 'https://192.0.2.2:8443/h/abc', certFingerprint: FINGERPRINT, ordering: 'fully-up' },
    dialect: dialectFor('9.2'),
    product: 'pve',
    ...over,
  };
}

/** Up to 8.3 keys have underscores, except in [first-boot]; written here anew, so that it is not the product's own rule. */
export function spelled(answer: JsonMap, release: string): JsonMap {
  if (release !== '8.2' && release !== '8.3') return answer;
  const OLD = [
    'root-password',
    'root-password-hashed',
    'root-ssh-keys',
    'reboot-on-error',
    'disk-list',
    'filter-match',
    'arc-max',
    'cert-fingerprint',
  ];
  const walk = (value: Json): Json => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [OLD.includes(key) ? key.replaceAll('-', '_') : key, walk(item)]),
    );
  };
  return Object.fromEntries(
    Object.entries(answer).map(([section, value]) => [section, section === 'first-boot' ? value : walk(value)]),
  );
}

/** Rules that a value must keep by itself, whatever stands beside it. The key table names them. */
import { messageOf } from '../errors.ts';
import { parseFqdn } from '../net/fqdn.ts';
import { nearest } from '../profiles/nearest.ts';
import { isNetworkOrBroadcast, readAddress, readCidr } from './addresses.ts';
import type { Dialect } from './dialect.ts';
import { canBePartitioned, diskOfPartition, isEmmc } from './disk-devices.ts';
import { type Finding, finding } from './findings.ts';
import { COUNTRIES, TIME_ZONES } from './geography.ts';
import { globProblem } from './globs.ts';
import { compareReleases } from './release.ts';

type Format = (value: string, path: string, dialect: Dialect) => Finding | undefined;

/** The pattern of an HTML e-mail field, which the installer uses. */
const EMAIL =
  /^[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$/;

/** SHA-512, SHA-256, yescrypt and bcrypt as crypt(3) of Debian reads them. */
const PASSWORD_HASH =
  /^(?:\$6\$(?:rounds=\d{4,9}\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{86}|\$5\$(?:rounds=\d{4,9}\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{43}|\$y\$[./A-Za-z0-9]+\$[./A-Za-z0-9]{1,86}\$[./A-Za-z0-9]{43}|\$2[aby]\$\d\d\$[./A-Za-z0-9]{53})$/;

const SSH_KEY =
  /^(?:ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)|sk-ssh-ed25519@openssh\.com|sk-ecdsa-sha2-nistp256@openssh\.com) ([A-Za-z0-9+/]{32,}={0,2})(?: .*)?$/;

const SUBSCRIPTION_KEY = /^(?:pve\d+|pbs|pmg)[cbsp]-[0-9a-f]{10}$/;

const DOMAIN_LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i;

function fqdnProblem(value: string): string | undefined {
  // Lower-casing turns some letters beyond ASCII into plain ones.
  if (/[^\x20-\x7e]/.test(value)) return 'The host name has other characters than letters, digits, hyphens and dots';
  if (value !== value.trim()) return 'The host name has blanks around it';
  try {
    parseFqdn(value);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** A public key whose base64 part really begins with the name of its type (RFC 4253, 6.6). */
export function isSshPublicKey(line: string): boolean {
  const blob = SSH_KEY.exec(line)?.[1];
  if (blob === undefined) return false;
  const bytes = Buffer.from(blob, 'base64');
  const type = line.slice(0, line.indexOf(' '));
  return (
    bytes.length > 4 + type.length &&
    bytes.readUInt32BE(0) === type.length &&
    bytes.toString('latin1', 4, 4 + type.length) === type
  );
}

function isFingerprint(value: string): boolean {
  return /^[0-9a-f]{64}$/i.test(value) || /^[0-9a-f]{2}(?::[0-9a-f]{2}){31}$/i.test(value);
}

/** The SHA-256 of a certificate, with or without colons, either case. Shared with the mode file. */
export { isFingerprint };

/** An absolute http or https URL without anything that a client could read differently. Shared with the mode file. */
export function isServerUrl(value: string): boolean {
  if (/[\s\\"'<>]/.test(value) || !/^https?:\/\/[^/]/.test(value)) return false;
  const url = URL.parse(value);
  return url !== null && url.username === '' && url.password === '' && url.hash === '';
}

export const FORMATS = {
  country: (value, path) => {
    if (COUNTRIES.has(value)) return undefined;
    const remedy = COUNTRIES.has(value.toLowerCase())
      ? `Write it in lower case: ${value.toLowerCase()}.`
      : value === 'uk'
        ? 'The code of the United Kingdom is gb.'
        : 'Write the two letters of ISO 3166-1, for example de or at.';
    return finding('answer.country', path, `'${value}' is not a country code`, remedy);
  },
  timezone: (value, path) => {
    if (TIME_ZONES.has(value)) return undefined;
    const close = nearest(value, TIME_ZONES);
    return finding(
      'answer.timezone',
      path,
      `'${value}' is not a time zone that the installer knows`,
      close === undefined
        ? 'Write a name of tz zone.tab such as Europe/Berlin, or UTC.'
        : `Did you mean ${close}? Old names and Etc/UTC are refused; UTC is fine.`,
    );
  },
  email: (value, path, dialect) => {
    // 8.2 does not look at it.
    const by = compareReleases(dialect.release, '8.3') >= 0 ? 'installer' : 'ironwake';
    if (!EMAIL.test(value)) {
      return finding(
        'answer.email',
        path,
        `'${value}' is not an e-mail address`,
        'Write one such as admin@example.org.',
        { by },
      );
    }
    if (value === 'mail@example.invalid') {
      return finding(
        'answer.email-default',
        path,
        'The default address is refused',
        'Write an address that somebody reads.',
        { by },
      );
    }
    return undefined;
  },
  fqdn: (value, path) => {
    const problem = fqdnProblem(value);
    return problem === undefined
      ? undefined
      : finding('answer.fqdn', path, problem, 'Write a full host name, for example pve1.lab.example.');
  },
  domain: (value, path) =>
    value === '' || (value.length <= 240 && value.split('.').every((label) => DOMAIN_LABEL.test(label)))
      ? undefined
      : finding(
          'answer.domain',
          path,
          `'${value}' is not a domain; the node would silently be called pve.example.invalid`,
          'Write labels of letters, digits and inner hyphens, for example lab.example.',
        ),
  password: (value, path, dialect) =>
    Buffer.byteLength(value) >= 8
      ? undefined
      : finding(
          'answer.password-short',
          path,
          'The password is shorter than 8 bytes',
          'Take a longer one.',
          compareReleases(dialect.release, '8.4') >= 0 ? {} : { by: 'ironwake' },
        ),
  'password-hash': (value, path) =>
    PASSWORD_HASH.test(value)
      ? undefined
      : finding(
          'answer.password-hash',
          path,
          'This is not a crypt(3) hash, and the installer does not notice: nobody could log in as root',
          "Write the output of 'mkpasswd -m yescrypt' or 'openssl passwd -6' ($y$, $6$, $5$ or $2b$).",
        ),
  'ssh-key': (value, path) =>
    isSshPublicKey(value)
      ? undefined
      : finding(
          'answer.ssh-key',
          path,
          'This is not one line of an OpenSSH public key',
          'Paste the content of the .pub file: type, base64, comment.',
        ),
  'subscription-key': (value, path) =>
    SUBSCRIPTION_KEY.test(value)
      ? undefined
      : finding(
          'answer.subscription-key',
          path,
          'This is not a subscription key, and the node would find out on its first boot only',
          'Write it as in the shop: pve2c-0123456789, in lower case.',
        ),
  cidr: (value, path, dialect) => {
    const cidr = readCidr(value);
    if (cidr === undefined) {
      if (readAddress(value) === undefined) {
        return finding(
          'answer.cidr',
          path,
          `'${value}' is not an address with a prefix length`,
          'Write it like 192.0.2.10/24.',
        );
      }
      return finding(
        'answer.prefix-missing',
        path,
        dialect.takesBareAddress
          ? 'Without a prefix length the node gets a network of its own'
          : 'The prefix length is missing',
        `Write it like ${value}/24.`,
        { by: dialect.takesBareAddress ? 'ironwake' : 'installer' },
      );
    }
    if (!isNetworkOrBroadcast(cidr)) return undefined;
    return finding(
      'answer.cidr-not-a-host',
      path,
      `'${value}' is the address of the network or its broadcast, not of a host`,
      'Write the address of the node itself.',
    );
  },
  address: (value, path) =>
    readAddress(value) !== undefined
      ? undefined
      : finding(
          'answer.address',
          path,
          `'${value}' is not an IP address`,
          'Write exactly one address, for example 192.0.2.1.',
        ),
  glob: (value, path) => {
    const problem = value === '' ? 'is empty' : globProblem(value);
    return problem === undefined
      ? undefined
      : finding(
          'answer.glob',
          path,
          `The glob '${value}' ${problem}`,
          'Use *, ?, [abc] or [!a]; one * crosses slashes too.',
        );
  },
  'disk-name': (value, path) => {
    const remedy = 'Write the kernel name, for example sda or nvme0n1, or choose by filter.ID_SERIAL.';
    if (value.includes('/by-') || /^\/?(?:dev\/)?disk\//.test(value)) {
      return finding('answer.disk-name', path, `'${value}' never matches: links are not followed`, remedy);
    }
    if (isEmmc(value)) {
      return finding('answer.disk-name', path, 'The installer cannot partition eMMC', 'Choose another disk.');
    }
    if (canBePartitioned(value.startsWith('/dev/') ? value : `/dev/${value}`)) return undefined;
    const disk = diskOfPartition(value);
    return disk === undefined
      ? finding(
          'answer.disk-name',
          path,
          `'${value}' is not the kernel name of a disk that the installer can partition`,
          remedy,
        )
      : finding(
          'answer.disk-name',
          path,
          `'${value}' is a partition, and the installer takes whole disks`,
          `Write ${disk}.`,
        );
  },
  url: (value, path) =>
    isServerUrl(value)
      ? undefined
      : finding(
          'answer.url',
          path,
          'This is not an absolute http or https URL',
          'Write it like https://10.0.0.2:8443/path.',
        ),
  fingerprint: (value, path) =>
    isFingerprint(value)
      ? undefined
      : finding(
          'answer.fingerprint',
          path,
          'This is not the SHA-256 of a certificate',
          "Write 32 hex pairs, as 'openssl x509 -noout -fingerprint -sha256' prints them.",
        ),
} as const satisfies Record<string, Format>;

export type FormatName = keyof typeof FORMATS;

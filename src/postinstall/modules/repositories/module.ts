/** Package repositories: the wanted channel in one file of ours, every other entry that needs a subscription switched off; a proxy for apt. */
import { type Static, Type } from '@sinclair/typebox';
import { defineModule, type ModuleContext, type Product, renderFile } from '../../module.ts';

const Parameters = Type.Object(
  {
    channel: Type.Union([Type.Literal('no-subscription'), Type.Literal('test'), Type.Literal('enterprise')], {
      default: 'no-subscription',
      description:
        'Which of the vendor’s channels: no-subscription, test, or enterprise, which needs an active subscription (the answer’s subscription-key).',
    }),
    ceph: Type.Union(
      [
        Type.Literal('none'),
        Type.Literal('quincy'),
        Type.Literal('reef'),
        Type.Literal('squid'),
        Type.Literal('tentacle'),
      ],
      {
        default: 'none',
        description: 'Ceph release whose repository is added: none, quincy, reef, squid or tentacle.',
      },
    ),
    mirror: Type.Optional(
      Type.String({
        pattern: '^https?://[A-Za-z0-9.:\\[\\]-]+(/[A-Za-z0-9._~/-]*)?$',
        maxLength: 300,
        description:
          'Base URL of the package archive, without the final /debian/PRODUCT: an http or https URL. The vendor’s own unless told: http://download.proxmox.com, or https://enterprise.proxmox.com.',
      }),
    ),
    proxy: Type.Optional(
      Type.String({
        pattern: '^http://[A-Za-z0-9.:\\[\\]-]+/?$',
        maxLength: 300,
        description:
          'A proxy for apt alone: http://192.0.2.5:3142 (apt-cacher-ng, squid). On Proxmox VE the data centre’s own http_proxy wins where it is set.',
      }),
    ),
    keyring: Type.Optional(
      Type.String({
        pattern:
          '^-----BEGIN PGP PUBLIC KEY BLOCK-----\\r?\\n[A-Za-z0-9+/=:.()\\r\\n -]+-----END PGP PUBLIC KEY BLOCK-----\\s*$',
        maxLength: 65_536,
        description:
          'Only for a mirror that signs with a key of its own: that public key, ASCII-armoured (gpg --armor --export).',
      }),
    ),
  },
  { additionalProperties: false },
);

const FOLDER = new URL('.', import.meta.url);

type Codename = 'bookworm' | 'trixie';

/** pve-docs, pve-package-repos; proxmox-apt, standard.rs: the key and the name of the test component changed with trixie. */
const CODENAMES: Readonly<Record<Codename, { readonly key: string; readonly test: (product: Product) => string }>> = {
  bookworm: {
    key: '/etc/apt/trusted.gpg.d/proxmox-release-bookworm.gpg',
    test: (product) => `${product}test`,
  },
  trixie: {
    key: '/usr/share/keyrings/proxmox-archive-keyring.gpg',
    test: (product) => `${product}-test`,
  },
};

const CEPH: Readonly<Record<string, readonly Codename[]>> = {
  none: ['bookworm', 'trixie'],
  quincy: ['bookworm'],
  reef: ['bookworm'],
  squid: ['bookworm', 'trixie'],
  tentacle: ['trixie'],
};

/** Ours, so that a vendor's file is never overwritten by a mirror's key. The ending tells apt that it is armoured. */
const MIRROR_KEY = '/usr/share/keyrings/ironwake-mirror.asc';

/** Where the vendor serves a channel (pve-docs, pve-package-repos). */
const VENDOR = {
  'no-subscription': 'http://download.proxmox.com',
  test: 'http://download.proxmox.com',
  enterprise: 'https://enterprise.proxmox.com',
} as const;

function sources(params: Static<typeof Parameters>, context: ModuleContext, codename: Codename): string {
  const base = `${(params.mirror ?? VENDOR[params.channel]).replace(/\/+$/, '')}/debian`;
  const { key, test } = CODENAMES[codename];
  const stanzas = [
    {
      uri: `${base}/${context.product}`,
      component: params.channel === 'test' ? test(context.product) : `${context.product}-${params.channel}`,
    },
  ];
  if (params.ceph !== 'none') stanzas.push({ uri: `${base}/ceph-${params.ceph}`, component: params.channel });
  return renderFile(FOLDER, 'proxmox.sources', {
    stanzas: stanzas.map((stanza) => ({
      ...stanza,
      suite: codename,
      key: params.keyring === undefined ? key : MIRROR_KEY,
    })),
  });
}

export const repositories = defineModule({
  name: 'repositories',
  title: 'Package repositories of one channel',
  why: 'Without a subscription the vendor’s repositories answer 401, and a node that cannot update is never patched.',
  parameters: Parameters,
  supports: { pve: ['8', '9'], pbs: ['3', '4'], pmg: ['8', '9'], pdm: ['1'] },
  requires: [],
  after: [],
  scope: 'node',
  timeLimitSeconds: 900,
  proof: [
    {
      test: 'container/modules/repositories',
      on: 'Debian 12 and 13 in containers, a package mirror of the test, real apt',
    },
  ],
  programs: ['enterprise.pl'],
  folder: FOLDER,
  prepare(params, context) {
    // One file for each Debian that the product may stand on; the node's own /etc/os-release decides which.
    const codenames = (Object.keys(CODENAMES) as Codename[]).filter(
      (name) => CEPH[params.ceph]?.includes(name) === true,
    );
    return {
      parameters: { channel: params.channel, 'mirror-key': params.keyring === undefined ? '' : MIRROR_KEY },
      files: [
        ...codenames.map((name) => ({
          name: `${name}.sources`,
          content: sources(params, context, name),
        })),
        ...(params.keyring === undefined
          ? []
          : [{ name: 'mirror-key.asc', content: `${params.keyring.replaceAll('\r', '').trimEnd()}\n` }]),
        ...(params.proxy === undefined
          ? []
          : [{ name: '75ironwake-proxy', content: renderFile(FOLDER, '75ironwake-proxy', { proxy: params.proxy }) }]),
      ],
    };
  },
});

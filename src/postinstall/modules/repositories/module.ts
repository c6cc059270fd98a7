/** Package repositories: what needs a subscription is switched off, what does not is switched on. */
import { type Static, Type } from '@sinclair/typebox';
import { defineModule, type ModuleContext, type Product, renderFile } from '../../module.ts';

const Parameters = Type.Object(
  {
    channel: Type.Union([Type.Literal('no-subscription'), Type.Literal('test')], {
      default: 'no-subscription',
      description: 'Which of the vendor’s channels: no-subscription or test.',
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
    mirror: Type.String({
      default: 'http://download.proxmox.com',
      pattern: '^https?://[A-Za-z0-9.:\\[\\]-]+(/[A-Za-z0-9._~/-]*)?$',
      maxLength: 300,
      description: 'Base URL of the package archive, without the final /debian/PRODUCT: an http or https URL.',
    }),
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

function sources(params: Static<typeof Parameters>, context: ModuleContext, codename: Codename): string {
  const base = `${params.mirror.replace(/\/+$/, '')}/debian`;
  const { key, test } = CODENAMES[codename];
  const stanzas = [
    {
      uri: `${base}/${context.product}`,
      component: params.channel === 'test' ? test(context.product) : `${context.product}-no-subscription`,
    },
  ];
  if (params.ceph !== 'none') stanzas.push({ uri: `${base}/ceph-${params.ceph}`, component: params.channel });
  return renderFile(new URL('.', import.meta.url), 'proxmox.sources', {
    stanzas: stanzas.map((stanza) => ({
      ...stanza,
      suite: codename,
      key: params.keyring === undefined ? key : MIRROR_KEY,
    })),
  });
}

export const repositories = defineModule({
  name: 'repositories',
  title: 'Package repositories that need no subscription',
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
  folder: new URL('.', import.meta.url),
  prepare(params, context) {
    // One file for each Debian that the product may stand on; the node's own /etc/os-release decides which.
    const codenames = (Object.keys(CODENAMES) as Codename[]).filter(
      (name) => CEPH[params.ceph]?.includes(name) === true,
    );
    return {
      parameters: { 'mirror-key': params.keyring === undefined ? '' : MIRROR_KEY },
      files: [
        ...codenames.map((name) => ({
          name: `${name}.sources`,
          content: sources(params, context, name),
        })),
        ...(params.keyring === undefined
          ? []
          : [{ name: 'mirror-key.asc', content: `${params.keyring.replaceAll('\r', '').trimEnd()}\n` }]),
      ],
    };
  },
});

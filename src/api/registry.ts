/** The contract of the registry: what is changed of a node, how its hardware comes and goes, and what is known of it. */
import { type Static, Type } from '@sinclair/typebox';
import { nodeFields } from './schemas.ts';
import { closed, maybe, time } from './words.ts';

const Mac = Type.String({
  minLength: 1,
  maxLength: 40,
  description: 'In any usual notation.',
  examples: ['bc:24:11:00:00:02'],
});

/** What is left out stays; lists and values are replaced as a whole. */
export const NodePatch = Type.Object(
  {
    fqdn: Type.Optional(Type.String({ minLength: 1, maxLength: 300, examples: ['pve2.lab.example'] })),
    macs: Type.Optional(Type.Array(Mac, { minItems: 1, maxItems: 64 })),
    profile: Type.Optional(Type.String({ minLength: 1, maxLength: 100, examples: ['default'] })),
    tags: Type.Optional(nodeFields.tags),
    values: Type.Optional(nodeFields.values),
    notes: Type.Optional(nodeFields.notes),
    installPolicy: Type.Optional(nodeFields.installPolicy),
    protected: Type.Optional(nodeFields.protected),
  },
  { ...closed, minProperties: 1 },
);
export type NodePatch = Static<typeof NodePatch>;

export const MacInput = Type.Object({ mac: Mac }, closed);
export type MacInput = Static<typeof MacInput>;

export const NodeMacParams = Type.Object({ id: Type.String({ minLength: 1, maxLength: 300 }), mac: Mac }, closed);

export const ReplaceInput = Type.Object(
  { macs: Type.Array(Mac, { minItems: 1, maxItems: 64, description: 'The ports of the new machine.' }) },
  closed,
);
export type ReplaceInput = Static<typeof ReplaceInput>;

/** A machine that was seen becomes a node. */
export const AdoptInput = Type.Object(
  {
    fqdn: Type.String({ minLength: 1, maxLength: 300, examples: ['pve1.lab.example'] }),
    profile: Type.String({ minLength: 1, maxLength: 100, examples: ['default'] }),
    macs: Type.Optional(Type.Array(Mac, { maxItems: 63, description: 'Further ports of the same machine.' })),
    tags: Type.Optional(nodeFields.tags),
    values: Type.Optional(nodeFields.values),
    notes: Type.Optional(nodeFields.notes),
    installPolicy: Type.Optional(nodeFields.installPolicy),
    protected: Type.Optional(nodeFields.protected),
  },
  closed,
);
export type AdoptInput = Static<typeof AdoptInput>;

/** Everything here is what the machine said of itself. */
export const HardwareView = Type.Object(
  {
    uuid: maybe(Type.String({ description: 'SMBIOS UUID: a hint, placeholders are left out.' })),
    serial: maybe(Type.String({ description: 'A hint as well.' })),
    manufacturer: maybe(Type.String()),
    model: maybe(Type.String()),
    assetTag: maybe(Type.String()),
    cpu: maybe(Type.String()),
    memoryBytes: maybe(Type.Integer({ description: 'Of all memory modules, as the loader read it in SMBIOS.' })),
    bootMode: maybe(Type.String({ description: '`bios` or `efi`.' })),
    arch: maybe(Type.String({ description: 'As its firmware asked last.' })),
    vendorClass: maybe(Type.String()),
    networkChip: maybe(Type.String({ description: 'That it was booted through, in the words of iPXE.' })),
    loader: maybe(Type.String({ examples: ['iPXE 1.21.1+git20250501'] })),
    disks: Type.Array(
      Type.Object({ device: Type.String(), text: Type.String(), sizeBytes: maybe(Type.Integer()) }, closed),
    ),
    ports: Type.Array(
      Type.Object(
        {
          name: Type.String(),
          mac: maybe(Type.String()),
          known: Type.Boolean({ description: "Whether it is one of the node's ports." }),
        },
        closed,
      ),
    ),
    hostKeys: Type.Array(Type.String({ description: 'Public keys, as the installer reported them.' })),
    heard: Type.Array(
      Type.Object(
        {
          source: Type.String({ description: '`dhcp`, `ipxe`, `system-information` or `report`.' }),
          at: time('When it was heard last.'),
        },
        closed,
      ),
    ),
    sameUuid: Type.Array(Type.String(), {
      description: 'Other nodes that say the same UUID: perhaps one machine, perhaps a placeholder.',
    }),
  },
  closed,
);
export type HardwareView = Static<typeof HardwareView>;

/** Languages: which locales exist, and the one that the node speaks. */
import { Type } from '@sinclair/typebox';
import { defineModule } from '../../module.ts';

const Name = (description?: string) =>
  Type.String({
    pattern: '^(C|[a-z]{2,3}_[A-Z]{2})\\.UTF-8(@[a-z]{2,20})?$',
    ...(description === undefined ? {} : { description }),
  });

const Parameters = Type.Object(
  {
    lang: Type.String({
      ...Name('Locale of the system: en_US.UTF-8, de_DE.UTF-8.'),
      default: 'en_US.UTF-8',
    }),
    messages: Type.String({
      ...Name(
        'Language of what programs say (LC_MESSAGES). Scripts and Proxmox’ own tools read that: leave it English.',
      ),
      default: 'C.UTF-8',
    }),
    others: Type.Array(Name(), {
      default: [],
      maxItems: 50,
      uniqueItems: true,
      description:
        'Further locales that are made: those of the people who log in, for SSH brings their settings along, and each command complains about one that is missing.',
    }),
  },
  { additionalProperties: false },
);

export const locale = defineModule({
  name: 'locale',
  title: 'Locales',
  why: 'A locale that is set and was never made lets every Perl program of Proxmox VE complain, and that is most of them.',
  parameters: Parameters,
  supports: { pve: ['8', '9'], pbs: ['3', '4'], pmg: ['8', '9'], pdm: ['1'] },
  requires: [],
  after: ['repositories'],
  scope: 'node',
  timeLimitSeconds: 1800,
  proof: [{ test: 'container/modules/base', on: 'Debian 12 and 13 in containers, real locale-gen' }],
  programs: ['setting.sh'],
  folder: new URL('.', import.meta.url),
  prepare: (params) => ({
    parameters: {
      lang: params.lang,
      messages: params.messages,
      // C.UTF-8 is part of libc and is not made.
      locales: [...new Set([params.lang, params.messages, ...params.others])]
        .filter((name) => name !== 'C.UTF-8')
        .map((name) => `${name}\n`)
        .join(''),
    },
    files: [],
  }),
});

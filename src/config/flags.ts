/** The settings as options of `ironwake serve`, in commander's form, so that help text and configuration never differ. */
import { Kind } from '@sinclair/typebox';
import { SETTINGS } from './schema.ts';
import { defaultText } from './value.ts';

export interface FlagDefinition {
  /** `--http-port <PORT>` */
  readonly usage: string;
  readonly description: string;
  /** The option may be given several times; its values are collected in a list. */
  readonly repeatable: boolean;
}

/** `--config` and one option for each setting that has a flag. */
export const SERVE_FLAGS: readonly FlagDefinition[] = [
  { usage: '--config <FILE>', description: 'Configuration file (YAML).', repeatable: false },
  ...SETTINGS.flatMap((setting): readonly FlagDefinition[] => {
    const { flag, placeholder, description } = setting.schema;
    if (flag === undefined) return [];
    return [
      {
        usage: `--${flag} <${placeholder ?? 'VALUE'}>`,
        description: `${description} Default: ${defaultText(setting)}.`,
        repeatable: setting.schema[Kind] === 'Array' || setting.schema[Kind] === 'Record',
      },
    ];
  }),
];

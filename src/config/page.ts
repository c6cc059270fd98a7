/** docs/configuration.md, written from the schema by scripts/configuration-page.ts; a test says when it is stale. */
import { SETTINGS } from './schema.ts';
import { defaultText, expectation } from './value.ts';

const HEAD = `# Configuration

<!-- Written by scripts/configuration-page.ts from src/config/schema.ts. Do not edit. -->

\`npm run serve\` needs no configuration. What is set goes, in this order of precedence: **flags**, **environment**, **file**, defaults.

- Flags: \`npm run serve -- --interface eno1 --log-level debug\`.
- Environment: \`IRONWAKE_INTERFACES=eno1,eno2\`; lists are separated by commas, maps are written \`name=value\`.
- File: YAML, named by \`--config FILE\` or \`IRONWAKE_CONFIG\`; under systemd \`/etc/ironwake/ironwake.yaml\` is read when it exists.

A key or value that is not known stops the start with one line: source (with the line of the file), setting, remedy.

\`\`\`yaml
interfaces: [vmbr0]
ports:
  http: 80
run:
  expiresMinutes: 120
  budgets:
    loading: 30
\`\`\`

`;

/** The whole page. */
export function configurationPage(): string {
  const rows = SETTINGS.map((setting) => {
    const { flag, description } = setting.schema;
    const value = defaultText(setting);
    const shown = setting.schema.defaultText === undefined ? `\`${value}\`` : value;
    return `| \`${setting.key}\` | \`${setting.variable}\` | ${flag === undefined ? '' : `\`--${flag}\``} | ${expectation(setting)} | ${shown} | ${description} |`;
  });
  return `${HEAD}| key | environment | flag | value | default | what for |\n| --- | --- | --- | --- | --- | --- |\n${rows.join('\n')}\n`;
}

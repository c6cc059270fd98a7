/** docs/answers.md, made from the key table. */
import { ANSWER_RELEASES } from './dialect.ts';
import { explainKey } from './explain.ts';
import { ANSWER_KEYS, isInRelease, SECTIONS, sectionSince } from './keys.ts';

/** Text as it stands in a cell of a Markdown table. */
export const tableCell = (text: string): string => text.replaceAll('|', '\\|');

function keyTable(section: (typeof SECTIONS)[number]): string {
  const rows = ANSWER_KEYS.filter((entry) => entry.section === section).map((entry) => {
    const {
      text,
      type,
      values,
      case: upperOrLower,
      required,
      range,
      rules,
      products,
      spelling,
      example,
    } = explainKey(entry);
    const kind = values === null ? type : values.map((value) => `\`${value}\``).join(' ');
    const bounds = range === null ? '' : `; ${range}`;
    const known = ANSWER_RELEASES.filter((release) => isInRelease(entry, release));
    const releases = known.length === ANSWER_RELEASES.length ? 'all' : `${known[0]} on`;
    const needed =
      required === 'no' ? (entry.default ?? '') : required === 'yes' ? '**required**' : `**required** ${required}`;
    const letters = upperOrLower === null ? '' : ` Letters: ${upperOrLower}.`;
    const only = products === null ? '' : ` Only ${products.join(', ')}.`;
    return `| \`${entry.key}\` | ${tableCell(kind)}${bounds} | ${tableCell(needed)} | ${releases} | ${rules.join(', ')} | \`${tableCell(example)}\` | ${tableCell(text)}${letters}${only}${spelling === 'this one only' ? '' : ` (${spelling})`} |`;
  });
  return [
    `### [${section}]`,
    '',
    `${sectionSince(section) === '8.2' ? 'In all releases.' : `From ${sectionSince(section)} on.`}`,
    '',
    '| key | type, values | default | releases | rules | example | meaning |',
    '| --- | --- | --- | --- | --- | --- | --- |',
    ...rows,
    '',
  ].join('\n');
}

export function answerPage(): string {
  return `# The answer file

<!-- Made by scripts/answer-page.ts from src/answers/keys.ts; change it there. -->

Every section and key that the official automated installer knows, from 8.2 to 9.2. An unknown key or section is fatal to every release. The same
table makes the checks, the serialiser and the JSON Schemas in [schemas/](schemas/), which a daemon also serves at
\`GET /api/v1/schemas/answer?release=9.2&product=pve\`.

    npx ironwake answer validate answer.toml --release 9.2
    npx ironwake answer convert --to 8.4 answer.toml
    npx ironwake answer explain disk-setup.zfs.raid

*Releases* are those of Proxmox VE; Backup Server 3.4 / 4.0 / 4.1 / 4.2 carry the installers of 8.4 / 9.0 / 9.1 / 9.2, Mail Gateway 9.0 / 9.1
those of 9.0 / 9.2, Datacenter Manager 1.0 / 1.1 those of 9.1 / 9.2. A whole installation by the daemon needs 8.4 or newer: 8.2 and 8.3
spell their keys with underscores and know neither \`reboot-mode\` nor a host name from DHCP, so for them answers are checked and converted only.

## Verdict and findings

\`validate\` prints \`FILE: accepted\` or \`FILE: rejected CODE PATH ...\`, one line a file, and exits with 0 when all are accepted, 1 when one is rejected,
2 when one cannot be read, or an option is wrong and no file was looked at. *Accepted* is what the official installer of that release says when it
parses and checks the file (with \`--machine\` also when it meets the machine). Our own findings go to standard error and count only with \`--strict\`: then nothing may be found, no *warning*
either, but for what \`--severity CODE=off\` takes out. \`profile check --strict\` means the same.
All codes, and how to raise or lower them: [answer-findings.md](answer-findings.md).

\`--machine FACTS.json\` prints what each filter and list selects on that machine, disks and network ports. How much can be checked depends on the document:

| document | ports | disks |
| --- | --- | --- |
| webhook document of an installation | every filter | every filter and list |
| \`proxmox-auto-install-assistant device-info\`, typed on the machine | every filter | every filter and list |
| system information, which installers send with the request for their answer | names, and filters by \`ID_NET_NAME_MAC\` or \`INTERFACE\` | nothing: no release sends its disks |

What could not be checked is said, with the reason: \`answer.machine-unknown\`.

## Keys

${SECTIONS.map(keyTable).join('\n')}
## In profiles only

A profile may say what the installer has no words for; the daemon turns it into exact names when it arms and when it serves.

| key | becomes |
| --- | --- |
| \`network.port: booted\` (or a MAC, or \`eno1\`) | \`network.filter.ID_NET_NAME_MAC\` of that port; with \`source: from-answer\` the port that booted is the default |
| \`network.interface-name-pinning.mapping: { booted: lan0 }\` | the MAC of that port |
| \`disk-setup.disks: { count: 2, equal: true, type: nvme }\` | \`disk-list\` with the names of these disks; also \`model\` and \`serial\`, globs |

The ports are known from the request for the answer, the disks from the report of an earlier installation of this node: installers tell of disks nowhere else.
Where nothing is known, or the machine has no such set, arming and serving say so (\`answer.select-disks\`, \`answer.select-port\`). Sticks and eMMC are never chosen;
*equal* disks are of one model, since the report does not tell their size.

## Known differences from the official parser

- A table written as a list of its values in order (\`lvm = [100.0, ...]\`) and a value written as a table (\`filesystem = { ext4 = {} }\`) are taken by the
  installer's library and refused here. Nobody writes them.
- raid10 with an odd number of listed disks is refused by installer packages from 9.2.6 on; images of 9.2 carry an older one, so here it is our own finding.
- Installer packages 8.2.7 to 8.3.2, on no image that we know of, take \`RAIDZ-1\` to \`RAIDZ-3\` in upper case only; the image of 8.3 takes both.
- Time zones are those of tz 2025b; a zone that came later is unknown here.
`;
}

/** docs/answer-findings.md: every code that a check of an answer can give, made from the catalogue of findings. */
import { explainFinding } from './explain.ts';
import { FINDING_KINDS, type FindingCode } from './findings.ts';
import { tableCell } from './page.ts';
import { isFixed } from './severities.ts';

function rows(codes: readonly FindingCode[]): string {
  return codes
    .map((code) => {
      const explained = explainFinding(code);
      const severity = `${explained?.severity ?? ''}${isFixed(code) ? ', always' : ''}`;
      return `| \`${code}\` | ${severity} | ${tableCell(explained?.text ?? '')} |`;
    })
    .join('\n');
}

export function findingsPage(): string {
  const codes = Object.keys(FINDING_KINDS) as FindingCode[];
  const isOwn = (code: FindingCode) => FINDING_KINDS[code].by === 'ironwake';
  return `# Findings about answers

<!-- Made by scripts/answer-page.ts from src/answers/findings.ts; change it there. -->

What \`answer validate\`, \`profile check\`, arming and serving can say of an answer. Codes are stable: none is renamed after a release. The keys and their
rules: [answers.md](answers.md); one code alone: \`npx ironwake answer explain CODE\`.

What the installer refuses makes an answer *rejected*, and nothing changes that. What it takes is our own judgement: an *error* where the machine would come to
harm later, a *warning* where it is legal but unwise. These can be raised, lowered and switched off:

    npx ironwake answer validate FILE --severity answer.unwise-dhcp=off --severity answer.unwise-raid0=error

and for the daemon, \`profile check\` and \`doctor\` with the setting \`findings\` ([configuration.md](configuration.md)). *Always*: it guards a secret or a file of the
node, or there is no answer without it; it cannot be lowered. An error of either kind keeps a profile from being used and an answer from being
served. With \`--strict\`, which \`answer validate\` and \`profile check\` both take, every finding counts, of either kind and severity; what is *off* is none.

Some codes change sides with the release: what an installer of 9.0 finds when it checks, one of 8.4 finds on the machine. Each finding says who judges it
(\`by\` in \`--json\`).

## The installer refuses it

| code | severity | meaning |
| --- | --- | --- |
${rows(codes.filter((code) => !isOwn(code)))}

## The installer takes it

| code | severity | meaning |
| --- | --- | --- |
${rows(codes.filter(isOwn))}
`;
}

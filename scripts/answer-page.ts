/** Writes docs/answer-file.md and docs/schemas/answer-RELEASE.schema.json from the key table: `npx node scripts/answer-page.ts`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { ANSWER_RELEASES, answerDialect } from '../src/answers/dialect.ts';
import { answerPage } from '../src/answers/page.ts';
import { answerSchema } from '../src/answers/schema.ts';

const docs = new URL('../docs/', import.meta.url);
writeFileSync(new URL('answer-file.md', docs), answerPage());
mkdirSync(new URL('schemas/', docs), { recursive: true });
for (const release of ANSWER_RELEASES) {
  const schema = answerSchema(answerDialect(release));
  writeFileSync(new URL(`schemas/answer-${release}.schema.json`, docs), `${JSON.stringify(schema, null, 2)}\n`);
}

/** Writes docs/schemas/profile.schema.json: `npx node scripts/profile-schema.ts`. */
import { writeFileSync } from 'node:fs';
import { profileSchema } from '../src/journey/profile-schema.ts';

const file = new URL('../docs/schemas/profile.schema.json', import.meta.url);
writeFileSync(file, `${JSON.stringify(profileSchema(), null, 2)}\n`);

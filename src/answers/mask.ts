/** The exact text of an answer that was served, with everything in it that is secret masked and nothing else changed. */

import { newestDialect } from './dialect.ts';
import { isFinding, readAnswer } from './document.ts';
import { SECRET_KEYS } from './keys.ts';
import { foldSpelling } from './spelling.ts';
import { isTable, View } from './view.ts';

/** Replaces values wherever their text stands: hash or password, keys, and the tokens in our own addresses. */
export function maskAnswer(text: string): string {
  const read = readAnswer(text);
  // Not ours to show when we cannot read what is in it.
  if (isFinding(read) || !isTable(read.value)) return '(masked: unreadable)\n';
  const view = new View(foldSpelling(read.value).answer, newestDialect, 'pve');
  let masked = text.replaceAll(/(\/installer\/)[^/"\s]+(?=\/)/g, '$1(masked)');
  for (const path of SECRET_KEYS) {
    const value = view.text(path);
    if (value === undefined || value === '') continue;
    // As TOML and as JSON write it.
    for (const written of new Set([value, JSON.stringify(value).slice(1, -1)]))
      masked = masked.replaceAll(written, () => '(masked)');
  }
  return masked;
}

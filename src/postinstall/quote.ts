/** The one place where a value becomes part of a shell script. */
import { createHash } from 'node:crypto';

/**
 * A string as one word of POSIX shell: in single quotes, where nothing has a meaning (POSIX.1-2017, 2.2.2).
 * @throws RangeError for NUL, which no shell word can hold
 */
export function shellQuote(text: string): string {
  if (text.includes('\0')) throw new RangeError('a shell word cannot hold NUL');
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/**
 * Shell lines that write `content` to `path`, byte for byte, under the umask of the script. Plain text stands readable in a quoted
 * here-document, whose end mark is made from the content and so cannot occur in it; everything else is base64.
 */
export function embedFile(path: string, content: string | Uint8Array): string {
  const bytes = typeof content === 'string' ? Buffer.from(content, 'utf8') : Buffer.from(content);
  const text = bytes.toString('utf8');
  const end = `END_${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}`;
  const plain = /^[\n\t\x20-\x7e]*\n$/.test(text) && !text.includes(end);
  if (plain) return `cat > ${shellQuote(path)} << '${end}'\n${text}${end}\n`;
  const lines = bytes.toString('base64').match(/.{1,76}/g) ?? [];
  return `base64 -d > ${shellQuote(path)} << '${end}'\n${lines.map((line) => `${line}\n`).join('')}${end}\n`;
}

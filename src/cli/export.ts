/** `ironwake export`: the registry for another program, and Ansible's dynamic inventory. */

import { rename, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { invalid } from '../errors.ts';
import { filterOf } from './node.ts';
import { print, type Session } from './session.ts';
import { type ExitStatus, printable } from './terminal.ts';

type Options = Readonly<Record<string, unknown>>;

export async function exportRegistry(
  session: Session,
  [format = '']: readonly string[],
  options: Options,
): Promise<ExitStatus> {
  const text = await textOf(session, format, options);
  if (typeof options.out === 'string') {
    const path = resolve(session.io.cwd, options.out);
    // In one piece: whoever reads it meanwhile has the old one or the new one. Nothing in it is secret, so the umask decides who reads it.
    await writeFile(`${path}.new`, text, { mode: format === 'ansible-script' ? 0o777 : 0o666 });
    await rename(`${path}.new`, path);
    print(session, { format, file: path }, () => `written to ${printable(path)}\n`);
    return 0;
  }
  // For a program, byte for byte: nothing in it is ours to change for a terminal.
  print(session, { format, text }, () => text);
  return 0;
}

async function textOf(session: Session, format: string, options: Options): Promise<string> {
  const filter = { ...filterOf(options), ...(typeof options.port === 'string' && { port: portOf(options.port) }) };
  if (format === 'ansible-script') return script(session.io.cwd, options);
  if (format !== 'ansible' || (options.list !== true && typeof options.host !== 'string'))
    return session.client.exportAs(format, filter);
  const list = await session.client.exportAs('ansible-list', filter);
  if (typeof options.host !== 'string') return list;
  const { _meta } = JSON.parse(list) as { readonly _meta: { readonly hostvars: Readonly<Record<string, unknown>> } };
  return `${JSON.stringify(Object.hasOwn(_meta.hostvars, options.host) ? _meta.hostvars[options.host] : {}, undefined, 2)}\n`;
}

function portOf(text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port >= 1 && port <= 65_535) return port;
  throw invalid('option.port', '--port', `'${text.slice(0, 20)}' is not a port`, 'Give a number from 1 to 65535.');
}

/** Where and how the daemon is reached is said in the script as it was said on this command line; a token never is. */
function script(cwd: string, options: Options): string {
  const launcher = fileURLToPath(new URL('../../scripts/ironwake.js', import.meta.url));
  const path = (value: unknown): unknown => (typeof value === 'string' ? resolve(cwd, value) : undefined);
  const flags = [
    ['--server', options.server],
    ['--token-file', path(options.tokenFile)],
    ['--fingerprint', options.fingerprint],
    ['--data-dir', path(options.dataDir)],
    ['--config', path(options.config)],
    ['--tag', options.tag],
    ['--state', options.state],
    ['--profile', options.profile],
    ['--search', options.search],
  ].flatMap(([flag, value]) => (typeof value === 'string' ? [String(flag), value] : []));
  const words = ['node', launcher, 'export', 'ansible', ...flags].map((word) => `'${word.replaceAll("'", "'\\''")}'`);
  return `#!/bin/sh\n# A dynamic inventory of Ansible, made by Ironwake.\nexec ${words.join(' ')} "$@"\n`;
}

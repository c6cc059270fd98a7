/**
 * Proxmox VE's own commands inside a container: stand-ins that check every parameter against the table of facts, record every call, remember
 * what they were given, and fail as the real ones do when they are told to. See test/support/proxmox/stand-in.pl.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Container } from './container.ts';

const HOME = '/usr/local/lib/proxmox-stand-in';
const COMMANDS = [
  ...['pvesh', 'pveum', 'pvesm', 'pve-firewall', 'pvenode', 'pvecm', 'pveam', 'pvesubscription', 'pvesr', 'ha-manager'],
  ...['pveupdate', 'pveversion'],
];

/**
 * `exit`: status 255 and the text on stderr. `task`: status 0, and only the task's own status says that it failed, with the text. `warnings`: the
 * task ended with warnings. `warn`: the text on stderr, and everything goes on (pve-firewall compile with a bad line).
 */
export type FailureMode = 'exit' | 'task' | 'warnings' | 'warn';

export class Proxmox {
  readonly #container: Container;

  constructor(container: Container) {
    this.#container = container;
  }

  /** Every call so far, as it was typed: `pveum user add ops@pam --comment Ops`. With `changing` those that only look are left out. */
  calls(options: { readonly changing?: boolean } = {}): readonly string[] {
    const calls = this.#lines('calls').map((line) =>
      line
        .split('\t')
        .map((word) => word.replaceAll(/%([0-9a-f]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16))))
        .join(' '),
    );
    const looks =
      /^(pvesh (get|ls|usage)|pve(um|sm) .*(list|status)|pveversion|pve-firewall (status|compile|localnet|simulate)|pvecm status|pvesubscription get)\b/;
    return options.changing === true ? calls.filter((call) => !looks.test(call)) : calls;
  }

  /** What the real commands would have refused, and what nobody should do (a secret among the arguments). A test of a module ends with none. */
  violations(): readonly string[] {
    return this.#lines('violations');
  }

  async forget(): Promise<void> {
    await this.#container.sh(`cd ${HOME}; : > calls; : > violations; : > failing`);
  }

  /** Calls that match the pattern (Perl's) fail from now on. */
  async fail(mode: FailureMode, pattern: string, text = 'it was told to fail'): Promise<void> {
    await this.#container.sh(`cat >> ${HOME}/failing`, `${mode}\t${pattern}\t${text}\n`);
  }

  /** What one call answers, whole: `GET /nodes/node1/dns` for pvesh, `pve-firewall status` for a command. */
  async answer(call: string, text: string): Promise<void> {
    const name = call.replaceAll(/[\\\n\t%/]/g, (c) => `%${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
    await this.#container.sh(`cat > ${HOME}/answers/'${name.replaceAll("'", `'\\''`)}'`, text);
  }

  #lines(file: string): readonly string[] {
    return this.#container
      .read(`${HOME}/${file}`)
      .split('\n')
      .filter((line) => line !== '');
  }
}

/** Puts the commands into the container, with the facts of that major release, and a folder where /etc/pve would be. */
export async function installProxmox(container: Container, release: '8' | '9'): Promise<Proxmox> {
  const read = (path: string) => readFileSync(join(import.meta.dirname, path), 'utf8');
  await container.sh(
    `mkdir -p ${HOME}/state ${HOME}/answers; echo ${release} > ${HOME}/release; touch ${HOME}/calls ${HOME}/violations ${HOME}/failing
     mkdir -p /etc/pve/priv/lock /etc/pve/nodes/$(uname -n) /etc/pve/firewall; ln -sfn nodes/$(uname -n) /etc/pve/local`,
  );
  await container.write(`${HOME}/stand-in.pl`, read('proxmox/stand-in.pl'), '0755');
  for (const table of ['api.tsv', 'commands.tsv'])
    await container.write(`${HOME}/${table}`, read(`../fixtures/proxmox/${table}`));
  await container.sh(`cd /usr/bin; for name in ${COMMANDS.join(' ')}; do ln -sf ${HOME}/stand-in.pl "$name"; done`);
  return new Proxmox(container);
}

/** OpenSSH: `known_hosts` and a client's configuration (sshd(8), ssh_config(5)). */
import { type ExportedMachine, HEADER, missingAddress, namesOf, shortNames } from './machine.ts';

/** A key as it stands in known_hosts: type and base64, without the comment that the machine chose. */
function keyOf(line: string): string | undefined {
  return /^([a-z0-9@.-]{1,64} [A-Za-z0-9+/]{16,}={0,3})(?:\s|$)/.exec(line.trim())?.[1];
}

/** One line a key; the names first, then the address. */
export function knownHosts(machines: readonly ExportedMachine[]): string {
  const shorts = shortNames(machines);
  const lines = machines.flatMap((machine) => {
    const keys = machine.hostKeys.map(keyOf).filter((key) => key !== undefined);
    if (keys.length === 0) return [`# ${machine.fqdn}: no host key was reported yet\n`];
    const names = [...namesOf(machine.fqdn, shorts), ...(machine.address === undefined ? [] : [machine.address])];
    return keys.map((key) => `${names.join(',')} ${key}\n`);
  });
  return HEADER + lines.join('');
}

/** `HostKeyAlias`: the key is known by the full name, whatever the machine is called by. */
export function sshConfig(machines: readonly ExportedMachine[]): string {
  const shorts = shortNames(machines);
  return (
    HEADER +
    machines
      .map((machine) =>
        machine.address === undefined
          ? missingAddress(machine)
          : `\nHost ${namesOf(machine.fqdn, shorts).join(' ')}\n` +
            `    HostName ${machine.address}\n    HostKeyAlias ${machine.fqdn}\n    StrictHostKeyChecking yes\n`,
      )
      .join('')
  );
}

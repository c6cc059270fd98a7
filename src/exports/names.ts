/** Names and reservations as text: /etc/hosts (hosts(5)) and dnsmasq(8). */
import { type ExportedMachine, HEADER, missingAddress, namesOf, shortNames } from './machine.ts';

export function hostsFile(machines: readonly ExportedMachine[]): string {
  const shorts = shortNames(machines);
  return (
    HEADER +
    machines
      .map((machine) =>
        machine.address === undefined
          ? missingAddress(machine)
          : `${machine.address}\t${namesOf(machine.fqdn, shorts).join(' ')}\n`,
      )
      .join('')
  );
}

/** For a directory of `conf-dir`: a reservation for any of the machine's MACs, and its name both ways. */
export function dnsmasqConf(machines: readonly ExportedMachine[]): string {
  const shorts = shortNames(machines);
  return (
    HEADER +
    machines
      .map((machine) => {
        const { fqdn, macs, address } = machine;
        if (address === undefined) return missingAddress(machine);
        const short = shorts.get(fqdn);
        return (
          `dhcp-host=${[...macs, address, ...(short === undefined ? [] : [short])].join(',')}\n` +
          `host-record=${[...namesOf(fqdn, shorts), address].join(',')}\n`
        );
      })
      .join('')
  );
}

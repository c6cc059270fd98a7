/**
 * Reservations of DHCP servers that allow an address once: Kea (its JSON), and OPNsense (the CSV that its Kea and Dnsmasq pages take by their
 * upload button, with the columns of its models). A machine's first MAC has the address.
 */
import type { ExportedMachine } from './machine.ts';

/** A list for `"reservations": <?include "FILE"?>` in a subnet of kea-dhcp4. */
export function keaReservations(machines: readonly ExportedMachine[]): string {
  const reservations = machines.flatMap(({ id, fqdn, macs: [mac], address }) =>
    mac === undefined || address === undefined
      ? []
      : [{ 'hw-address': mac, 'ip-address': address, hostname: fqdn, 'user-context': { 'ironwake-id': id } }],
  );
  return `${JSON.stringify(reservations, undefined, 2)}\n`;
}

/** Services: Kea DHCPv4: Reservations. It finds the subnet by the address. */
export function opnsenseKea(machines: readonly ExportedMachine[]): string {
  return csv(
    ['ip_address', 'hw_address', 'hostname', 'description'],
    machines.flatMap(({ fqdn, macs: [mac], address, notes }) =>
      mac === undefined || address === undefined ? [] : [[address, mac, fqdn, notes]],
    ),
  );
}

/** Services: Dnsmasq: Hosts; these are reservations and names at once. */
export function opnsenseDnsmasq(machines: readonly ExportedMachine[]): string {
  return csv(
    ['ip_address', 'hw_address', 'hostname', 'domain', 'description'],
    machines.flatMap(({ fqdn, macs: [mac], address, notes }) => {
      const [host = '', ...domain] = fqdn.split('.');
      return mac === undefined || address === undefined ? [] : [[address, mac, host, domain.join('.'), notes]];
    }),
  );
}

/** RFC 4180, every field quoted. A description is one line there: line ends become spaces. */
function csv(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const field = (text: string): string => `"${text.replaceAll(/[\r\n\u2028\u2029]+/g, ' ').replaceAll('"', '""')}"`;
  return [header, ...rows].map((row) => `${row.map(field).join(',')}\n`).join('');
}

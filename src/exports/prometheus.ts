/** Prometheus' HTTP service discovery: https://prometheus.io/docs/prometheus/latest/http_sd/ */
import type { ExportedMachine } from './machine.ts';

/** Labels begin with `__meta_`: they are gone after relabelling unless a rule takes them over. Tags stand between commas, so that `,rack-a,` matches. */
export function httpSd(machines: readonly ExportedMachine[], port: number): string {
  const targets = machines.flatMap((machine) =>
    machine.address === undefined
      ? []
      : [
          {
            targets: [`${machine.address}:${port}`],
            labels: {
              __meta_ironwake_fqdn: machine.fqdn,
              __meta_ironwake_id: machine.id,
              __meta_ironwake_notes: machine.notes,
              __meta_ironwake_profile: machine.profile,
              __meta_ironwake_state: machine.state,
              __meta_ironwake_tags: machine.tags.length === 0 ? '' : `,${machine.tags.join(',')},`,
            },
          },
        ],
  );
  return `${JSON.stringify(targets, undefined, 2)}\n`;
}

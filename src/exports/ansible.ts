/** Ansible inventories: YAML, and the JSON that a dynamic inventory prints for `--list`. */
import { type ExportedMachine, HEADER } from './machine.ts';

/** Jinja would run what stands in these; Ansible takes a value as it is when it is marked as unsafe. */
const TEMPLATE = /\{[{%#]/;

type Vars = Readonly<Record<string, string | readonly string[]>>;

function varsOf(machine: ExportedMachine): Vars {
  return {
    ...(machine.address !== undefined && { ansible_host: machine.address }),
    ironwake_id: machine.id,
    ironwake_macs: machine.macs,
    ironwake_notes: machine.notes,
    ironwake_profile: machine.profile,
    ironwake_state: machine.state,
    ironwake_tags: machine.tags,
  };
}

/** Group -> hosts. A group's name is an identifier: what is no letter or digit becomes `_`. */
function groupsOf(machines: readonly ExportedMachine[]): ReadonlyMap<string, readonly string[]> {
  const groups = new Map<string, string[]>();
  for (const { fqdn, profile, state, tags } of machines) {
    for (const name of new Set([`profile_${profile}`, `state_${state}`, ...tags.map((tag) => `tag_${tag}`)].map(word)))
      groups.set(name, [...(groups.get(name) ?? []), fqdn]);
  }
  return new Map([...groups].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function word(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9_]/g, '_');
}

/** https://docs.ansible.com/ansible/latest/collections/ansible/builtin/yaml_inventory.html */
export function ansibleYaml(machines: readonly ExportedMachine[]): string {
  const hosts = machines.map(
    (machine) =>
      `    ${quoted(machine.fqdn)}:\n` +
      Object.entries(varsOf(machine))
        .map(([name, value]) => `      ${name}: ${typeof value === 'string' ? scalar(value) : list(value)}\n`)
        .join(''),
  );
  const groups = [...groupsOf(machines)].map(
    ([name, members]) =>
      `    ${name}:\n      hosts:\n${members.map((fqdn) => `        ${quoted(fqdn)}: {}\n`).join('')}`,
  );
  return (
    `${HEADER}all:\n` +
    (hosts.length === 0 ? '  hosts: {}\n' : `  hosts:\n${hosts.join('')}`) +
    (groups.length === 0 ? '' : `  children:\n${groups.join('')}`)
  );
}

const list = (values: readonly string[]): string => `[${values.map(scalar).join(', ')}]`;
const scalar = (text: string): string => (TEMPLATE.test(text) ? `!unsafe ${quoted(text)}` : quoted(text));

/** A double-quoted scalar, which YAML 1.1 and 1.2 read alike; PyYAML takes no control characters as they are. */
function quoted(text: string): string {
  return JSON.stringify(text).replaceAll(
    /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** What a dynamic inventory answers to `--list`, with the variables of all hosts (`_meta`), so that it is not asked again for each. */
export function ansibleList(machines: readonly ExportedMachine[]): string {
  const hostvars = Object.fromEntries(
    machines.map((machine) => [
      machine.fqdn,
      Object.fromEntries(
        Object.entries(varsOf(machine)).map(([name, value]) => [
          name,
          typeof value === 'string' ? unsafe(value) : value.map(unsafe),
        ]),
      ),
    ]),
  );
  const groups = Object.fromEntries([...groupsOf(machines)].map(([name, hosts]) => [name, { hosts }]));
  const all = { hosts: machines.map(({ fqdn }) => fqdn), children: Object.keys(groups) };
  return `${JSON.stringify({ _meta: { hostvars }, all, ...groups }, undefined, 2)}\n`;
}

function unsafe(text: string): unknown {
  return TEMPLATE.test(text) ? { __ansible_unsafe: text } : text;
}

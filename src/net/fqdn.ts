import { invalid } from '../errors.ts';

/** A fully qualified host name in lower case, at least two labels, no trailing dot. */
export type Fqdn = string & { readonly __brand: 'Fqdn' };

const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * The rule of the official installer (proxmox-installer-types, `fqdn`): at least two labels of letters, digits and inner hyphens, at most 63
 * each and 253 in all, the first not of digits alone. Upper case is folded.
 * @throws IronwakeError `fqdn.malformed`, naming the rule that was broken
 */
export function parseFqdn(text: string, field = 'fqdn'): Fqdn {
  const name = text.trim().toLowerCase();
  const labels = name.split('.');
  const broken =
    labels.length < 2
      ? 'has no domain'
      : name.length > 253
        ? 'is longer than 253 characters'
        : !labels.every((label) => LABEL.test(label))
          ? 'has a label that is not 1 to 63 letters, digits and inner hyphens'
          : /^\d+$/.test(labels[0] ?? '')
            ? 'starts with a label of digits alone'
            : undefined;
  if (broken !== undefined)
    throw invalid(
      'fqdn.malformed',
      field,
      `'${text.slice(0, 80)}' ${broken}`,
      'Write a full host name, for example pve1.lab.example.',
    );
  return name as Fqdn;
}

/** Host name and domain: `pve1.lab.example` -> `pve1`, `lab.example`. */
export function splitFqdn(fqdn: Fqdn): { readonly host: string; readonly domain: string } {
  const dot = fqdn.indexOf('.');
  return { host: fqdn.slice(0, dot), domain: fqdn.slice(dot + 1) };
}

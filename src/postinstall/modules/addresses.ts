/** What several modules take as addresses, networks and names of hosts. */
import { Type } from '@sinclair/typebox';

const OCTET = '(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])';
const IPV4 = `${OCTET}(\\.${OCTET}){3}`;
/** Digits, colons and at least two of them, an IPv4 tail if wanted; the program that takes it has the last word. */
const IPV6 = '(?=[^:]*:[^:]*:)[0-9A-Fa-f:]{2,39}(:[0-9.]{7,15})?';
/** RFC 1123, 2.1: labels of letters, digits and hyphens. The last one is not all digits, or it would be an address. */
const LABEL = '[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?';
const NAME = `(${LABEL}\\.)*(?![0-9]+$)${LABEL}`;

type Options = { readonly description?: string };

/** An IPv4 or IPv6 address. */
export const Address = (options: Options = {}) =>
  Type.String({ pattern: `^(${IPV4}|${IPV6})$`, maxLength: 45, ...options });

/** An address or a network: `192.0.2.0/24`, `2001:db8::/32`, `192.0.2.7`. */
export const Network = (options: Options = {}) =>
  Type.String({
    pattern: `^(${IPV4}(/(3[0-2]|[12]?[0-9]))?|${IPV6}(/(12[0-8]|1[01][0-9]|[1-9]?[0-9]))?)$`,
    maxLength: 49,
    ...options,
  });

/** A host name of one label or more, or an address. */
export const HostOrAddress = (options: Options = {}) =>
  Type.String({ pattern: `^(${IPV4}|${IPV6}|${NAME})$`, maxLength: 253, ...options });

/** A host name of one label or more: no final dot. */
export const HostName = (options: Options = {}) => Type.String({ pattern: `^${NAME}$`, maxLength: 253, ...options });

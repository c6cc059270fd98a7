/**
 * How a node asks whether it can still be reached (shell/lockout.sh): `ssh`, `tcp:8006`, `ping`, and `closed:8006` for a port that must not
 * be open to addresses outside of `allowed`. Parsed at the border.
 */
import { type Static, Type } from '@sinclair/typebox';
import { type Ipv4, parseIpv4 } from '../net/ipv4.ts';

export type ReachCheck =
  | { readonly kind: 'ssh' }
  | { readonly kind: 'ping' }
  | { readonly kind: 'tcp'; readonly port: number }
  | { readonly kind: 'closed'; readonly port: number };

export interface Network {
  readonly base: Ipv4;
  readonly prefixLength: number;
}

const PORT = '([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])';
const OCTET = '(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])';

/** Body of `POST /node/v1/probe`. Without `checks` a login is tried, as former plans want it. */
export const ProbeRequestSchema = Type.Object(
  {
    run: Type.String({ minLength: 36, maxLength: 36 }),
    checks: Type.Optional(
      Type.Array(Type.String({ pattern: `^(ssh|ping|(tcp|closed):${PORT})$` }), { minItems: 1, maxItems: 16 }),
    ),
    /** IPv4 networks, `10.0.0.0/24`. */
    allowed: Type.Optional(
      Type.Array(Type.String({ pattern: `^(${OCTET}\\.){3}${OCTET}/(3[0-2]|[12]?[0-9])$` }), { maxItems: 64 }),
    ),
  },
  { additionalProperties: false },
);
export type ProbeRequest = Readonly<Static<typeof ProbeRequestSchema>>;

/** The checks of a request that its schema has let in. */
export function parseChecks(request: ProbeRequest): readonly ReachCheck[] {
  return (request.checks ?? ['ssh']).map((text): ReachCheck => {
    const [kind, port] = text.split(':');
    if (kind === 'tcp' || kind === 'closed') return { kind, port: Number(port) };
    return kind === 'ping' ? { kind } : { kind: 'ssh' };
  });
}

export function parseAllowed(request: ProbeRequest): readonly Network[] {
  return (request.allowed ?? []).map((text) => {
    const [base = '', length = '32'] = text.split('/');
    return { base: parseIpv4(base), prefixLength: Number(length) };
  });
}

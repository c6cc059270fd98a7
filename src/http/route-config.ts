/** What a route says of itself beside its shapes: what all routes share is made from it (document, kept answers). */
import type { RouteOptions } from 'fastify';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The least role that a token needs; without it the route needs none. */
    role?: 'viewer' | 'operator' | 'admin';
    /** Body for the document alone: of a route that takes bytes as well as JSON, which ajv cannot check. */
    documentedBody?: unknown;
    /** Its answer has an ETag, or its change heeds If-Match. */
    conditional?: boolean;
    /** A POST whose answer is not kept: it takes no Idempotency-Key. */
    keyless?: boolean;
  }
}

export const API_PREFIX = '/api/v1';

/**
 * Whether a route heeds Idempotency-Key. These are `keyless`: an image, which is known by its checksum; a backup, a trial of a rule and the export
 * of a plan, which change nothing; the root password and secrets that a node made, which are read once and must not be kept.
 */
export function takesKey({ method, url, config }: Pick<RouteOptions, 'method' | 'url' | 'config'>): boolean {
  return method === 'POST' && url.startsWith(`${API_PREFIX}/`) && config?.role !== undefined && config.keyless !== true;
}

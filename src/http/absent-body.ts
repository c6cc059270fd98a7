/** A request without a body, to a route whose fields may all be left out: it leaves them all out. In one place for all routes, and for the document. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { API_PREFIX } from './route-config.ts';

/** Whether `{}` is a body by this JSON schema. */
export function mayBeAbsent(schema: unknown): boolean {
  if (typeof schema !== 'object' || schema === null) return false;
  const { type, required, minProperties, anyOf, allOf, oneOf } = schema as Readonly<Record<string, unknown>>;
  if (type !== 'object' || (Array.isArray(required) && required.length > 0)) return false;
  return [minProperties, anyOf, allOf, oneOf].every((more) => more === undefined);
}

/** Must be called before the routes are registered. */
export function takeAbsentBodies(app: FastifyInstance): void {
  app.addHook('onRoute', (route) => {
    if (!route.url.startsWith(`${API_PREFIX}/`) || !mayBeAbsent(route.schema?.body)) return;
    const before = route.preValidation ?? [];
    route.preValidation = [fill, ...(Array.isArray(before) ? before : [before])] as never;
  });
}

async function fill(request: FastifyRequest): Promise<void> {
  request.body ??= {};
}

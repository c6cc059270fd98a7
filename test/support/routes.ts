/** What is really registered on an app, read from its router: a list of routes that a person keeps forgets one. */
import type { FastifyInstance } from 'fastify';

export interface Route {
  readonly method: string;
  /** With `:name` for what varies. */
  readonly path: string;
}

export function routesOf(app: Pick<FastifyInstance, 'printRoutes'>): readonly Route[] {
  const found: Route[] = [];
  const stack: string[] = [];
  for (const line of app.printRoutes({ commonPrefix: false }).split('\n')) {
    const match = /^((?:[│ ] {3})*)[├└]── (.*?)(?: \(([A-Z, ]+)\))?$/.exec(line);
    if (match === null) continue;
    const depth = (match[1] ?? '').length / 4;
    stack.length = depth;
    stack.push(match[2] ?? '');
    const path = stack.join('').replace(/\/$/, '');
    for (const method of (match[3] ?? '').split(', ')) if (method !== '') found.push({ method, path });
  }
  return found;
}

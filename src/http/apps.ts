/**
 * The two faces of the daemon over TCP: plain HTTP for what firmware fetches, TLS for installer, nodes and administrators. One fastify plugin per
 * audience; this file only puts them together and says how errors and log lines look.
 */
import { type FastifyInstance, fastify } from 'fastify';
import type { Artefacts } from '../artefacts/artefacts.ts';
import type { Journey } from '../journey/journey.ts';
import type { Log } from '../log.ts';
import { type AdminRoutes, registerAdmin } from './admin.ts';
import { registerAnswers } from './answers.ts';
import { registerBoot } from './boot.ts';
import { registerInstaller } from './installer.ts';
import { registerNode } from './node.ts';
import { sendLine, sendProblem, toIronwakeError } from './problem.ts';
import { registerProfiles } from './profiles.ts';
import { limitRefusals } from './refusal-limit.ts';
import type { Transfers } from './transfers.ts';
import { registerTrust } from './trust.ts';

export interface AppParts extends AdminRoutes {
  readonly journey: Journey;
  readonly artefacts: Artefacts;
  readonly transfers: Transfers;
  readonly log: Log;
}

export interface Apps {
  readonly plain: FastifyInstance;
  readonly secure: FastifyInstance;
}

export async function createApps(parts: AppParts): Promise<Apps> {
  const plain = createApp(parts.log);
  plain.setErrorHandler(async (error: Error, _request, reply) => {
    const known = toIronwakeError(error, parts.log);
    await sendLine(reply, known.status, known.line);
  });
  limitRefusals(plain, parts.journey);
  registerBoot(plain, parts);

  const secure = createApp(parts.log);
  secure.setErrorHandler(async (error: Error, request, reply) => {
    const known = toIronwakeError(error, parts.log);
    await (request.url.startsWith('/api/')
      ? sendProblem(known, request, reply)
      : sendLine(reply, known.status, known.line));
  });
  limitRefusals(secure, parts.journey);
  await secure.register(async (scope) => registerInstaller(scope, parts.journey));
  await secure.register(async (scope) => registerNode(scope, parts.journey));
  await secure.register(async (scope) => registerAdmin(scope, parts));
  await secure.register(async (scope) => registerTrust(scope, parts));
  await secure.register(async (scope) => registerProfiles(scope, parts.journey));
  await secure.register(async (scope) => registerAnswers(scope, parts.journey));

  await Promise.all([plain.ready(), secure.ready()]);
  return { plain, secure };
}

function createApp(log: Log): FastifyInstance {
  const app = fastify({
    logger: false,
    // shim asks for `dir//grubx64.efi`, and firmware does not follow a redirect of that.
    routerOptions: { ignoreDuplicateSlashes: true, ignoreTrailingSlash: true },
    return503OnClosing: true,
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, useDefaults: true } },
  });
  app.addHook('onResponse', (request, reply, done) => {
    // The route's pattern, never the URL: tokens stand in URLs.
    const route = request.routeOptions.url ?? '(no such route)';
    const line = {
      method: request.method,
      route,
      status: reply.raw.statusCode,
      ms: Math.round(reply.elapsedTime),
      ip: request.socket.remoteAddress,
    };
    if (reply.raw.statusCode >= 500) log.warn(line, 'http');
    else log.debug(line, 'http');
    done();
  });
  app.get('/readyz', async () => ({ ready: true }));
  app.setNotFoundHandler((_request, reply) => sendLine(reply, 404, 'There is nothing at this address.'));
  return app;
}

/**
 * The two faces of the daemon over TCP: plain HTTP for what firmware fetches, TLS for installer, nodes and administrators. One fastify plugin per
 * audience; this file only puts them together and says how errors and log lines look.
 */
import { type FastifyInstance, fastify } from 'fastify';
import type { Artefacts } from '../artefacts/artefacts.ts';
import type { Journey } from '../journey/journey.ts';
import type { Log } from '../log.ts';
import { takeAbsentBodies } from './absent-body.ts';
import { type AdminRoutes, registerAdmin } from './admin.ts';
import { registerAnswers } from './answers.ts';
import { type BackupMaker, registerBackup } from './backup.ts';
import { registerBoot } from './boot.ts';
import { registerBornSecrets } from './born-secrets.ts';
import { registerExports } from './exports.ts';
import { registerHealth } from './health.ts';
import { keepAnswers } from './idempotency.ts';
import { registerImport } from './import.ts';
import { registerInstaller } from './installer.ts';
import { registerLive } from './live.ts';
import { type PacketCounts, registerMetrics } from './metrics.ts';
import { registerNode } from './node.ts';
import { registerOpenApi } from './openapi.ts';
import { registerPlans } from './plans.ts';
import { isApi, nothingHere, sendError, sendLine } from './problem.ts';
import { registerProfiles } from './profiles.ts';
import { limitRefusals } from './refusal-limit.ts';
import { registerRegistry } from './registry.ts';
import { registerRules } from './rules.ts';
import { registerRuns } from './runs.ts';
import type { Transfers } from './transfers.ts';
import { registerTrust } from './trust.ts';
import { type Compile, checkBySchemas } from './validation.ts';
import { registerWebhooks } from './webhooks.ts';

export interface AppParts extends AdminRoutes {
  readonly journey: Journey;
  readonly artefacts: Artefacts;
  readonly transfers: Transfers;
  readonly log: Log;
  readonly backups: BackupMaker;
  /** What the protocol servers have counted so far. */
  readonly packets: () => PacketCounts;
}

export interface Apps {
  readonly plain: FastifyInstance;
  readonly secure: FastifyInstance;
}

/** @param compile when the schemas of the routes are compiled */
export async function createApps(parts: AppParts, compile: Compile = 'when-asked'): Promise<Apps> {
  const plain = createApp(parts, compile, 'lenient');
  limitRefusals(plain, parts.journey);
  registerBoot(plain, parts);

  const secure = createApp(parts, compile, 'exact');
  await registerOpenApi(secure, parts.version);
  takeAbsentBodies(secure);
  keepAnswers(secure, parts.journey);
  limitRefusals(secure, parts.journey);
  await secure.register(async (scope) => registerInstaller(scope, parts.journey));
  await secure.register(async (scope) => registerNode(scope, parts.journey));
  await secure.register(async (scope) => registerAdmin(scope, parts));
  await secure.register(async (scope) => registerRegistry(scope, parts.journey));
  await secure.register(async (scope) => registerRules(scope, parts.journey));
  await secure.register(async (scope) => registerTrust(scope, parts));
  await secure.register(async (scope) => registerBornSecrets(scope, parts.journey));
  await secure.register(async (scope) => registerWebhooks(scope, parts.journey));
  await secure.register(async (scope) => registerProfiles(scope, parts.journey));
  await secure.register(async (scope) => registerAnswers(scope, parts.journey));

  await secure.register(async (scope) => registerExports(scope, parts.journey));
  await secure.register(async (scope) => registerPlans(scope, parts.journey));
  await secure.register(async (scope) => registerImport(scope, parts.journey));
  await secure.register(async (scope) => registerRuns(scope, parts.journey));
  await secure.register(async (scope) => registerBackup(scope, parts.journey, parts.backups));
  await secure.register(async (scope) => {
    const live = registerLive(scope, parts.journey);
    registerMetrics(scope, { ...parts, streams: live.count });
  });

  await Promise.all([plain.ready(), secure.ready()]);
  return { plain, secure };
}

/** @param slashes shim asks for `dir//grubx64.efi`, and firmware does not follow a redirect of that; in the API the last name of a path may be missing */
function createApp(
  { log, readiness }: Pick<AppParts, 'log' | 'readiness'>,
  compile: Compile,
  slashes: 'lenient' | 'exact',
): FastifyInstance {
  const lenient = slashes === 'lenient';
  const app = fastify({
    logger: false,
    // A parameter may be longer than the schemas allow, so that they say so.
    routerOptions: { ignoreDuplicateSlashes: lenient, ignoreTrailingSlash: lenient, maxParamLength: 1000 },
    return503OnClosing: true,
    schemaController: checkBySchemas(compile),
    frameworkErrors: (error, request, reply) => void sendError(error, request, reply, log),
  });
  app.setErrorHandler((error: Error, request, reply) => sendError(error, request, reply, log));
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
  registerHealth(app, readiness);
  app.setNotFoundHandler((request, reply) =>
    isApi(request)
      ? sendError(nothingHere(), request, reply, log)
      : sendLine(reply, 404, 'There is nothing at this address.'),
  );
  return app;
}

/** TLS: `POST /api/v1/backup`, the database as one file, made and checked while the daemon works. */
import type { FastifyInstance } from 'fastify';
import { BackupQuery, Bytes } from '../api/schemas.ts';
import type { Journey } from '../journey/journey.ts';
import { guardOf } from './identity.ts';
import type { TypeBoxProvider, TypedApp } from './type-provider.ts';

/** Makes a backup; the composition root knows how. */
export interface BackupMaker {
  make(withKeys: boolean): Promise<{ readonly stream: NodeJS.ReadableStream; readonly sizeBytes: number }>;
}

export function registerBackup(plugin: FastifyInstance, journey: Journey, backups: BackupMaker): void {
  const app: TypedApp = plugin.withTypeProvider<TypeBoxProvider>();
  const { needs, audit } = guardOf(journey);
  // A POST, for it works and reads everything; the whole database with all that it knows is an admin's.
  app.post(
    '/api/v1/backup',
    {
      ...needs('admin', { keyless: true }),
      schema: {
        tags: ['daemon'],
        summary: 'The database as one SQLite file',
        produces: ['application/vnd.sqlite3'],
        querystring: BackupQuery,
        response: { 200: Bytes },
      },
    },
    async (request, reply) => {
      const withKeys = request.query.keys === 'yes';
      await audit(request, 'backup.made', 'database', { keys: withKeys });
      const { stream, sizeBytes } = await backups.make(withKeys);
      return reply
        .header('Cache-Control', 'no-store')
        .header('Content-Length', String(sizeBytes))
        .type('application/vnd.sqlite3')
        .send(stream);
    },
  );
}

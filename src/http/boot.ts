/** Plain HTTP: what firmware and loaders fetch. Loaders, the boot script, kernel and wrapped initrd. Nothing here is secret for long. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Artefacts } from '../artefacts/artefacts.ts';
import type { Journey } from '../journey/journey.ts';
import { bootImage, bootScript, type CutReason, loaderFetched, machineSaid } from '../journey/netboot.ts';
import { parseMac } from '../net/mac.ts';
import { callerOf } from './caller.ts';
import { sendLine } from './problem.ts';
import { sendSource } from './stream.ts';
import type { Transfers } from './transfers.ts';

export interface BootRoutes {
  readonly journey: Journey;
  readonly artefacts: Artefacts;
  readonly transfers: Transfers;
}

export function registerBoot(app: FastifyInstance, { journey, artefacts, transfers }: BootRoutes): void {
  const caller = (request: FastifyRequest) => callerOf(request.raw, journey.segments());

  app.get<{ Params: { file: string } }>('/boot/loaders/:file', async (request, reply) => {
    const loader = await artefacts.loader(request.params.file);
    if (loader === undefined) return sendLine(reply, 404, 'There is no such loader.');
    const from = caller(request);
    reply.hijack();
    const { sentBytes, complete } = await sendSource(request.raw, reply.raw, loader.source, {
      contentType: loader.name.endsWith('.efi') ? 'application/efi' : 'application/octet-stream',
      etag: loader.etag,
    });
    journey.metrics.served('http', sentBytes);
    if (complete && request.method === 'GET') await loaderFetched(journey, from, loader.name, 'HTTP', sentBytes);
  });

  /** An HTTP boot client that is to boot its disk gets this address: 404 makes the firmware go on within 0.2 s. */
  app.get('/boot/local-disk', (_request, reply) => sendLine(reply, 404, 'Boot the local disk.'));

  app.get<{ Params: { mac: string } }>('/boot/script/:mac', async (request, reply) => {
    const script = await bootScript(journey, caller(request), parseMac(request.params.mac), request.method === 'HEAD');
    if (script.kind === 'refused') return sendLine(reply, 403, script.text);
    const body = Buffer.from(script.text, 'utf8');
    // Capitalised: some loaders compare header names by case.
    reply.hijack();
    reply.raw.writeHead(200, {
      'Content-Type': 'text/plain',
      'Content-Length': body.byteLength,
      'Cache-Control': 'no-store',
    });
    reply.raw.end(request.method === 'HEAD' ? undefined : body);
  });

  app.get<{ Params: { mac: string } }>('/boot/machine/:mac', async (request, reply) => {
    if (request.method === 'HEAD') return sendLine(reply, 200, 'Noted.');
    const said = await machineSaid(journey, caller(request), parseMac(request.params.mac), queryOf(request));
    return said === 'kept' ? sendLine(reply, 200, 'Noted.') : sendLine(reply, 403, said.text);
  });

  for (const file of ['linux26', 'initrd.img'] as const) {
    app.get<{ Params: { token: string } }>(`/boot/:token/${file}`, (request, reply) => sendImage(request, reply, file));
  }

  async function sendImage(
    request: FastifyRequest<{ Params: { token: string } }>,
    reply: FastifyReply,
    file: 'linux26' | 'initrd.img',
  ): Promise<void> {
    const image = await bootImage(journey, caller(request), request.params.token, file, {
      look: request.method === 'HEAD',
      query: queryOf(request),
    });
    if (image.kind === 'refused') return sendLine(reply, 403, image.text);
    reply.hijack();
    const { progress, source, etag } = image;
    const transfer = transfers.begin();
    const startedAt = journey.clock.now();
    try {
      const { status, startOffset, sentBytes, complete } = await sendSource(request.raw, reply.raw, source, {
        contentType: 'application/octet-stream',
        etag,
        signal: progress === undefined ? transfer.signal : AbortSignal.any([transfer.signal, progress.withdrawn]),
        ...(progress === undefined ? {} : { onProgress: (sent: number, start: number) => progress.sent(start + sent) }),
      });
      journey.metrics.served('http', sentBytes);
      // 304, 412 and 416 carry no bytes of the image: they say nothing about the transfer.
      if (progress === undefined || (status !== 200 && status !== 206)) return;
      // The last byte counts, not how many were asked for in this request: loaders ask for the rest after an interruption.
      const reached = startOffset + sentBytes;
      if (reached === source.sizeBytes) await progress.finished(reached, journey.clock.now() - startedAt);
      else if (!complete) await progress.cut(reached, cutReason(transfer.signal, progress.withdrawn));
    } finally {
      transfer.end();
    }
  }
}

/** As it was sent: a parser of forms would take what it does not understand for something else. */
function queryOf({ raw: { url = '' } }: FastifyRequest): string {
  const at = url.indexOf('?');
  return at < 0 ? '' : url.slice(at + 1);
}

function cutReason(stopped: AbortSignal, withdrawn: AbortSignal): CutReason {
  if (withdrawn.aborted) return 'withdrawn';
  return stopped.aborted ? 'shutdown' : 'client';
}

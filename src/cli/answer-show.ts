/** `ironwake answer show --run R`: what was served, as it was served; secrets are masked by the daemon. */
import { print, type Session } from './session.ts';
import type { ExitStatus } from './terminal.ts';

export async function show(session: Session, options: Readonly<Record<string, unknown>>): Promise<ExitStatus> {
  const view = await session.client.servedAnswer(String(options.run));
  // It holds what the serialiser wrote: no control characters but line ends.
  print(session, view, () => view.text);
  return 0;
}

/** `ironwake serve`: the settings' own options, then the daemon until it is told to stop. */
import { Command } from 'commander';
import { SERVE_FLAGS } from '../config/flags.ts';
import { loadConfig } from '../config/load.ts';
import type { ExitStatus, Io } from './terminal.ts';

/** @throws IronwakeError when the configuration is wrong or the daemon cannot start; CommanderError for wrong usage and --help */
export async function serve(io: Io, argv: readonly string[], program: Command): Promise<ExitStatus> {
  const command = new Command('ironwake serve').description('the daemon itself').copyInheritedSettings(program);
  for (const { usage, description, repeatable } of SERVE_FLAGS) {
    if (repeatable) {
      command.option(usage, description, (value: string, before: readonly string[] | undefined) => [
        ...(before ?? []),
        value,
      ]);
    } else command.option(usage, description);
  }
  command.allowExcessArguments(false).parse([...argv], { from: 'user' });
  const config = loadConfig({ flags: command.opts(), env: io.env, cwd: io.cwd });
  const { runDaemon } = await import('../daemon.ts');
  await runDaemon(config);
  return 0;
}

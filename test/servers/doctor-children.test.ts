/** The doctor's foreign clients hang on a silent server: they end with the doctor, however it ends. */
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const TOOL = fileURLToPath(new URL('../../src/doctor/tool.ts', import.meta.url));

/** Processes whose parent is `pid` (proc(5), children of the main thread). */
function childrenOf(pid: number): readonly number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return text === '' ? [] : text.split(' ').map(Number);
}

async function until(condition: () => boolean): Promise<boolean> {
  for (let tries = 0; tries < 500; tries += 1) {
    if (condition()) return true;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return false;
}

for (const signal of ['SIGTERM', 'SIGKILL'] as const)
  t.test(`ended by ${signal}`, async (t) => {
    const silent = createSocket('udp4');
    await new Promise<void>((resolve) => silent.bind(0, '127.0.0.1', resolve));
    t.teardown(() => silent.close());
    const asks = `import { runForeign } from ${JSON.stringify(TOOL)}; await runForeign('tftp-client', ['127.0.0.1', '${silent.address().port}', 'x'], 60000);`;
    const doctor = spawn(process.execPath, ['--input-type=module', '-e', asks], { stdio: 'ignore' });
    const asked = new Promise((resolve) => silent.once('message', resolve));
    await asked;
    const [client] = childrenOf(doctor.pid ?? 0);
    t.type(client, 'number', 'the client runs and waits');
    doctor.kill(signal);
    t.ok(await until(() => !existsSync(`/proc/${client}`)), 'and is gone');
  });

/** `ironwake watch` on a terminal: what is on the screen after each step, as a terminal would show it. */
import t from 'tap';
import type { ManualClock } from '../../src/clock.ts';
import { observe } from '../../src/journey/observe.ts';
import type { Ipv4 } from '../../src/net/ipv4.ts';
import { environmentOf, typed } from '../support/command-line.ts';
import { armed } from '../support/machine.ts';
import { NODE_AT, NODE_MAC, STRANGER_MAC } from '../support/parts.ts';

/** Knows what `watch` writes: text, line ends, cursor up, erase to the end. */
class Screen {
  #lines: string[] = [''];

  write(text: string): void {
    for (const piece of text.split(/(\u001b\[\d*[AJ])/)) {
      const [, up] = /^\u001b\[(\d+)A$/.exec(piece) ?? [];
      if (up !== undefined) this.#lines = [...this.#lines.slice(0, -1 - Number(up)), ''];
      else if (piece !== '\u001b[J') {
        const [first = '', ...rest] = piece.split('\n');
        this.#lines[this.#lines.length - 1] += first;
        this.#lines.push(...rest);
      }
    }
  }

  get bars(): readonly string[] {
    return this.#lines.filter((line) => line.includes('%'));
  }

  get text(): string {
    return this.#lines.join('\n');
  }

  /** The stream gathers what comes at once by the daemon's clock, which stands still but for this. */
  async until(what: string, clock: ManualClock, seen: () => boolean): Promise<void> {
    for (let tries = 0; !seen(); tries += 1) {
      if (tries > 500) throw new Error(`never on the screen: ${what}\n${this.text}`);
      clock.advance(20);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

const bar = (filled: number): string => `[${'#'.repeat(filled)}${'.'.repeat(24 - filled)}]`;

t.test('one installation: a bar that grows in its place, the timeline above it', async (t) => {
  const { parts, admin } = await armed(t);
  const { journey } = parts;
  const screen = new Screen();
  const watching = typed(['watch', 'pve1'], {
    ...{ env: environmentOf(parts, admin), outIsTerminal: true, now: () => parts.clock.now() },
    out: (text) => screen.write(text),
  });
  const [run] = await journey.store.runs.active();
  const id = run?.id ?? '';
  const source = { address: NODE_AT as Ipv4, interfaceName: 'lo', mac: NODE_MAC };
  await screen.until('an empty bar', parts.clock, () => screen.bars.length === 1 && screen.text.includes(bar(0)));
  await observe(journey, id, { kind: 'script-served', source });
  await screen.until(
    'that it boots',
    parts.clock,
    () => /boot script served/.test(screen.text) && / 2 % {2}booting/.test(screen.text),
  );
  t.strictSame(screen.bars.length, 1, 'one bar, whatever came');
  await observe(journey, id, { kind: 'image-requested', source, totalBytes: 1000 * 2 ** 20, fingerprint: 'AA' });
  await observe(journey, id, { kind: 'image-progress', bytes: 500 * 2 ** 20 });
  await screen.until('half of the image', parts.clock, () => /500 MiB of 1000 MiB/.test(screen.text));
  t.match(screen.bars, [`pve1.lab.example  ${bar(4)}  15 %  loading, 500 MiB of 1000 MiB, until `]);
  const lines = screen.text.split('\n');
  t.equal(lines.at(-2), screen.bars[0], 'it stands below everything else');
  await observe(journey, id, { kind: 'cancel', by: 'admin' });
  let status: number | undefined;
  void watching.then((printed) => {
    status = printed.status;
  });
  await screen.until('its end', parts.clock, () => status !== undefined);
  t.equal(status, 1, 'it did not become ready');
  t.strictSame(screen.bars, [], 'no bar of what has ended');
  t.match(screen.text, /pve1\.lab\.example: cancelled\n$/);
});

t.test('all of them: a bar for each, and who said what', async (t) => {
  const { parts, admin } = await armed(t);
  const base = `${parts.segment.httpsUrl}/api/v1`;
  const other = { mac: STRANGER_MAC, fqdn: 'pve2.lab.example', profile: 'default' };
  t.equal((await parts.call(`${base}/nodes`, { token: admin, json: other })).status, 201);
  const screen = new Screen();
  let leaves = false;
  const watching = typed(['watch'], {
    ...{ env: environmentOf(parts, admin), outIsTerminal: true, now: () => parts.clock.now() },
    out: (text) => {
      if (leaves) throw new Error('the terminal is closed');
      screen.write(text);
    },
  });
  await screen.until('the first', parts.clock, () => screen.bars.length === 1);
  t.equal((await parts.call(`${base}/nodes/pve2/install`, { token: admin, json: {} })).status, 201);
  await screen.until('both', parts.clock, () => screen.bars.length === 2);
  t.match(screen.bars, [/pve1\.lab\.example {2}\[/, /pve2\.lab\.example {2}\[/]);
  t.match(screen.text, /^(pve2\.lab\.example|02:00:00:00:66:66)\n.*installation of .* armed by admin/m);
  await parts.call(`${base}/nodes/pve1/cancel`, { token: admin, json: {} });
  await screen.until('one less', parts.clock, () => screen.bars.length === 1);
  t.match(screen.bars, [/pve2\.lab\.example/]);
  leaves = true;
  await parts.call(`${base}/nodes/pve2/cancel`, { token: admin, json: {} });
  let left = false;
  void watching.finally(() => {
    left = true;
  });
  await screen.until('the end of it', parts.clock, () => left);
});

/** Module network on a real Debian 12 and 13 with real ifupdown2: applied under the daemon's eyes, refused, and taken back when it locks everybody out. */
import t from 'tap';
import type { DebianRelease } from '../../support/container.ts';
import { brokenByHand, held, startRig } from '../../support/rig.ts';
import { ownInterfaces, staticAddress } from '../../support/surroundings.ts';

// Each of these boots a system; the limit only ends what hangs.
t.setTimeout(600_000);
const file = '/etc/network/interfaces';

for (const release of ['bookworm', 'trixie'] satisfies DebianRelease[]) {
  const productRelease = release === 'bookworm' ? '8.4' : '9.2';

  t.test(`network on ${release}`, async (t) => {
    const rig = await startRig(t, { release });
    const { container } = rig;
    await ownInterfaces(container);
    const mac = (await container.sh('cat /sys/class/net/host0/address')).trim();
    const before = await staticAddress(container);
    const plan = (network: unknown) => ({ postInstall: { network }, release: productRelease });
    const addresses = () =>
      container.sh("ip -4 -o addr show scope global | awk '{ print $2, $4 }' | sort | paste -sd ,");

    for (const { name, network, refusal } of [
      {
        name: 'a port that is not there',
        network: { bridges: { vmbr0: { ports: ['eno7'] } } },
        refusal: /vmbr0 is to have port eno7, which this node does not have: it has host0/,
      },
      {
        name: 'a MAC that no port has',
        network: { bridges: { vmbr0: { ports: ['02:00:00:00:00:01'] } } },
        refusal: `no port has the MAC 02:00:00:00:00:01; the node has: host0 (${mac})`,
      },
      {
        name: 'a gateway in another network',
        network: { gateway: '192.0.2.1', bridges: { vmbr0: { ports: ['host0'] } } },
        refusal: /the gateway 192\.0\.2\.1 does not lie in the network of 10\.213\./,
      },
    ])
      await t.test(`refused before anything is touched: ${name}`, async (t) => {
        await rig.again(plan(network));
        t.strictSame(rig.steps(), ['network apply failed']);
        t.match(rig.detailOf('network', 'apply'), refusal);
        t.equal(container.read(file), before);
      });

    await t.test('refused: somebody has staged changes on the web page', async (t) => {
      await container.write(`${file}.new`, before);
      await rig.again(plan({ bridges: { vmbr0: { ports: ['host0'] } } }));
      t.match(rig.detailOf('network', 'apply'), /interfaces\.new holds changes that somebody has staged/);
      await container.sh(`rm ${file}.new`);
    });

    await t.test('a bridge without the cable: locked out, and back by itself', async (t) => {
      await rig.again(plan({ bridges: { vmbr0: { ports: [] } }, rollbackSeconds: 30 }));
      t.strictSame(rig.steps(), ['network apply failed', 'network rollback ok']);
      t.equal(container.read(file), before);
      t.equal((await addresses()).trim(), `host0 ${container.address}/30`);
      t.not((await container.exec(['ip', 'link', 'show', 'vmbr0'])).code, 0, 'the bridge is gone');
    });

    const wanted = plan({
      bridges: { vmbr0: { ports: [mac.toUpperCase()] }, vmbr9: { ports: [], addresses: ['10.9.0.1/24'] } },
    });
    await rig.again(wanted);
    t.strictSame(rig.steps(), held('network'));
    t.equal((await addresses()).trim(), `vmbr0 ${container.address}/30,vmbr9 10.9.0.1/24`, 'the address has moved');
    t.match(container.read(file), /iface vmbr0 inet static\n {4}address [0-9.]+\/30\n {4}bridge-ports host0\n/);
    await brokenByHand(t, rig, 'network', wanted, [
      {
        name: 'an address is gone',
        by: 'ip addr del 10.9.0.1/24 dev vmbr9',
        found: ['10.9.0.1/24 on vmbr9: expected present, found absent'],
      },
      {
        name: 'another address, in the file and in the kernel',
        by: `sed -i 's|address ${container.address}/30|address 10.250.0.2/24|' ${file}; ip addr add 10.250.0.2/24 dev vmbr0`,
        found: [/line \d+: expected {5}address 10\.213\..*, found {5}address 10\.250\.0\.2\/24/],
      },
      {
        name: 'a line of the file',
        by: `sed -i 's/bridge-stp off/bridge-stp on/' ${file}`,
        found: [/line \d+: expected {5}bridge-stp off, found {5}bridge-stp on/],
      },
    ]);
    await container.reboot();
    await container.until('the network after a restart', async () => (await addresses()).includes('vmbr0'));
    t.strictSame(await rig.drift('network'), [], 'it holds after a restart');
  });
}

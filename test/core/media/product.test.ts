import { test } from 'tap';
import { IronwakeError } from '../../../src/errors.ts';
import { inspectImage, parseCdInfo } from '../../../src/media/product.ts';
import { fixture, replaced, sourceOf, tinyIso } from './images.ts';

test('product, release and boot files of an image', async (t) => {
  t.match(await inspectImage(sourceOf(fixture('joliet'))), {
    name: 'proxmox-ve_9.2-1',
    product: 'pve',
    release: '9.2',
    isoRelease: '1',
    kernelPath: '/boot/linux26',
    initrdPath: '/boot/initrd.img',
  });
});

for (const [product, name] of [
  ['pbs', 'proxmox-backup-server_9.2-1'],
  ['pmg', 'proxmox-mail-gateway_9.2-1'],
  ['pdm', 'proxmox-datacenter-manager_9.2-1'],
] as const) {
  test(`${product} shares the installer`, async (t) => {
    const image = replaced(fixture('plain'), "PRODUCT='pve'", `PRODUCT='${product}'`);
    t.match(await inspectImage(sourceOf(image)), { product, name });
  });
}

test('the file decides, quoted as it may be', (t) => {
  t.same(
    [
      ...parseCdInfo(
        `RELEASE='9.2'\r\n# comment\nISORELEASE=1\n  PRODUCT="pve"\nPRODUCTLONG='Proxmox VE'\nEMPTY=''\nno line\nrm -rf '/'\n`,
      ),
    ],
    [
      ['RELEASE', '9.2'],
      ['ISORELEASE', '1'],
      ['PRODUCT', 'pve'],
      ['PRODUCTLONG', 'Proxmox VE'],
      ['EMPTY', ''],
    ],
  );
  t.end();
});

const refused: ReadonlyArray<readonly [name: string, image: () => Buffer, code: string]> = [
  ['an image of something else', () => tinyIso([]), 'media.not-proxmox'],
  ['no .cd-info', () => replaced(fixture('plain'), '.cd-info', '.cd-inf0'), 'media.not-proxmox'],
  ['an unknown product', () => replaced(fixture('plain'), "PRODUCT='pve'", "PRODUCT='abc'"), 'media.not-proxmox'],
  ['no release', () => replaced(fixture('plain'), "RELEASE='9.2'", "RELEASE='x.y'"), 'media.not-proxmox'],
  ['no revision', () => replaced(fixture('plain'), "ISORELEASE='1'", "ISORELEASE='/'"), 'media.not-proxmox'],
  [
    'older than 8.2',
    () => replaced(fixture('plain'), 'auto-installer-capable', 'auto-installer-CAPABLE'),
    'media.not-capable',
  ],
  ['no kernel', () => replaced(fixture('plain'), 'linux26', 'linux99'), 'media.file-missing'],
  ['no initrd', () => replaced(fixture('plain'), 'initrd.img', 'initrd.gz_'), 'media.file-missing'],
];
for (const [name, image, code] of refused) {
  test(`refused: ${name}`, async (t) => {
    const error = await inspectImage(sourceOf(image())).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    t.ok(error instanceof IronwakeError);
    if (!(error instanceof IronwakeError)) return;
    t.equal(error.code, code);
    if (code === 'media.not-capable') t.match(error.remedy, /8\.2 or newer/);
  });
}

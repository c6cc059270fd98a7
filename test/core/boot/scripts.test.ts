import { globSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import fc from 'fast-check';
import { test } from 'tap';
import { describeReason } from '../../../src/boot/decision.ts';
import { ipxeText, kernelArguments, renderInstallScript, renderLocalDiskScript } from '../../../src/boot/scripts.ts';

const TEMPLATES = resolve(import.meta.dirname, '../../../templates/boot');

const VALUES = {
  fqdn: 'pve1.lab.example',
  media: 'proxmox-ve_9.2-1',
  kernelUrl: 'http://10.0.0.2:8080/boot/TOKEN/linux26',
  initrdUrl: 'http://10.0.0.2:8080/boot/TOKEN/initrd.img',
  kernelArguments: kernelArguments([]),
  imageSize: '1.6 GiB',
};

const LOCAL = { reference: 'b7k2m9x4', machineUrl: 'http://10.0.0.2:8080/boot/machine/bc-24-11-00-00-01' };

/** What the loader says of its machine, as the script collected it. */
const SAID = ['$', '{said}'].join('');

/** iPXE's way to put a setting's value into a line. */
const SETTING = ['$', '{net0/mac}'].join('');

/** Labels that a script jumps to, and those that it has. */
function labels(script: string): { readonly wanted: ReadonlySet<string>; readonly defined: ReadonlySet<string> } {
  return {
    wanted: new Set([...script.matchAll(/goto (\w+)/g)].map((match) => match[1] ?? '')),
    defined: new Set([...script.matchAll(/^:(\w+)$/gm)].map((match) => match[1] ?? '')),
  };
}

test('the install script fetches kernel and initrd, one step after the other, each with a way out', (t) => {
  const script = renderInstallScript(VALUES);
  const lines = script.split('\n');
  t.equal(lines[0], '#!ipxe', 'iPXE knows a script by its first line');
  const [kernel, initrd, boot] = ['kernel ', 'initrd ', 'boot '].map((word) =>
    lines.findIndex((line) => line.startsWith(word)),
  );
  t.ok(0 < Number(kernel) && Number(kernel) < Number(initrd) && Number(initrd) < Number(boot), 'in order');
  t.equal(lines[Number(kernel)], `kernel ${VALUES.kernelUrl}?${SAID} ${VALUES.kernelArguments} || goto kernel_failed`);
  t.equal(lines[Number(initrd)], `initrd ${VALUES.initrdUrl} || goto initrd_failed`);
  t.match(VALUES.kernelArguments, / initrd=initrd\.img$/, 'the name that old iPXE on UEFI needs is that of the URL');
  t.end();
});

for (const [name, script] of [
  ['install', renderInstallScript(VALUES)],
  ['local disk', renderLocalDiskScript(LOCAL)],
] as const)
  test(`${name} script: every jump has its label, every label is used`, (t) => {
    const { wanted, defined } = labels(script);
    t.strictSame(
      [...wanted].filter((label) => !defined.has(label)),
      [],
    );
    t.strictSame(
      [...defined].filter((label) => !wanted.has(label)),
      [],
    );
    t.end();
  });

test('a counter is set before the first label, or a jump back would start it anew', (t) => {
  const lines = renderInstallScript(VALUES).split('\n');
  const first = lines.findIndex((line) => line.startsWith(':'));
  const sets = lines.flatMap((line, index) => (/^set \w+:int32 /.test(line) ? [index] : []));
  t.ok(sets.length > 0 && sets.every((index) => index < first));
  const counters = new Set([...lines.join('\n').matchAll(/^inc (\w+)$/gm)].map((match) => match[1] ?? ''));
  t.same([...counters].sort(), ['images', 'kernels', 'slot']);
  for (const counter of counters)
    t.ok(
      lines.includes(`iseq \${${counter}} 10 && goto give_up ||`) ||
        lines.includes(`iseq \${${counter}} 32 || goto machine`),
      `${counter} ends`,
    );
  t.end();
});

test('a machine that is not to be installed leaves netboot on every firmware, and learns a reference, no more', (t) => {
  const script = renderLocalDiskScript(LOCAL);
  t.match(script, /^echo Ironwake has nothing to install here \(reference b7k2m9x4\)\.$/m);
  t.ok(
    script.includes(`\nimgfetch --name said --timeout 5000 ${LOCAL.machineUrl}?${SAID} && imgfree said ||\n`),
    'that nobody hears what the machine is stops nothing, and nothing of it stays',
  );
  t.match(script, /^sanboot --no-describe --drive 0x80 \|\|\nexit$/m, 'BIOS');
  t.match(script, /^exit 1$/m, 'UEFI: 0 would end in the setup menu');
  t.end();
});

test('no line is long: a loader for BIOS splits it on a stack of 4 KiB', (t) => {
  for (const script of [renderInstallScript(VALUES), renderLocalDiskScript(LOCAL)])
    for (const line of script.split('\n')) t.ok(line.length <= 220, line);
  t.end();
});

test('every reason has words', (t) => {
  for (const reason of [
    { code: 'not-a-netboot-client' },
    { code: 'not-registered' },
    { code: 'no-armed-run' },
    { code: 'answer-already-claimed', state: 'installing' },
    { code: 'run-contested' },
    { code: 'armed', runId: 'x' },
    { code: 'no-loader-for-architecture', archNumber: undefined },
    { code: 'request-for-the-dhcp-server' },
  ] as const)
    t.match(describeReason(reason), /^[a-z].{20,}/, reason.code);
  t.end();
});

test('what would be more than text in an iPXE script is refused', (t) => {
  for (const value of [
    'a\nreboot',
    'a\rb',
    'a\tb',
    SETTING,
    'a || reboot',
    'a && reboot',
    'a # b',
    '# b',
    'prüf',
    '\0',
  ])
    t.throws(() => ipxeText(value), { code: 'boot.unsafe-value' }, JSON.stringify(value));
  for (const value of [
    'pve1.lab.example',
    'http://10.0.0.2:8080/a?b=c&d=e',
    'quiet console=ttyS0,115200',
    'a#b',
    '',
    7,
  ])
    t.equal(ipxeText(value), String(value), JSON.stringify(value));
  t.end();
});

test('no value adds a line, a command or a setting to a script', (t) => {
  const shape = renderInstallScript({ ...VALUES, fqdn: 'x' }).split('\n').length;
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.constantFrom(SETTING, 'a||b', 'a&&b')),
      (fqdn) => {
        let script: string;
        try {
          script = renderInstallScript({ ...VALUES, fqdn });
        } catch {
          return;
        }
        const line = script.split('\n').find((each) => each.startsWith('echo Ironwake installs')) ?? '';
        if (script.split('\n').length !== shape || /\$\{|\|\||&&|\s#/.test(line)) throw new Error(JSON.stringify(line));
      },
    ),
  );
  t.pass('property holds');
  t.end();
});

test('a template that writes a value without the escaping helper fails here', (t) => {
  const files = globSync('*.hbs', { cwd: TEMPLATES });
  t.ok(files.length > 0);
  for (const file of files)
    for (const [expression] of readFileSync(`${TEMPLATES}/${file}`, 'utf8').matchAll(/\{\{+[^}]*\}+\}/g))
      t.match(expression, /^\{\{(\{ipxe \w+\}|> machine)\}\}$/, `${file}: ${expression}`);
  t.end();
});

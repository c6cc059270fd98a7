/** Conditions, globs and names of rules, in tables. */
import fc from 'fast-check';
import { test } from 'tap';
import { IronwakeError } from '../../../src/errors.ts';
import type { Mac } from '../../../src/net/mac.ts';
import { compileRules, explainRules, firstMatch, type Machine } from '../../../src/rules/match.ts';
import { checkNameTemplate, nameOfMachine } from '../../../src/rules/name.ts';
import { parseCondition } from '../../../src/rules/rule.ts';
import { aRule } from '../store/fixtures.ts';

const MACHINE: Machine = {
  macs: ['bc:24:11:00:00:01', '02:00:00:00:00:07'] as Mac[],
  facts: {
    boot: { arch: 'x64-uefi', vendorClass: 'PXEClient:Arch:00007:UNDI:003016', interface: 'eno1' },
    dmi: { system: { name: 'PowerEdge R650', serial: 'ABC123' }, 'a/b': { 'm~n': 'x' } },
    network_interfaces: [
      { link: 'eno1', mac: 'BC:24:11:00:00:01' },
      { link: 'enp65s0f0', mac: '02:00:00:00:00:07', speed: 25000, up: true },
    ],
  },
};

test('conditions', async (t) => {
  const rows: ReadonlyArray<readonly [string, boolean]> = [
    ['mac:bc:24:11:*', true],
    ['mac:BC-24-11-00-00-01', true],
    ['mac:bc2411000001', true],
    ['mac:02:*:07', true],
    ['mac:52:54:*,02:00:*', true],
    ['mac:52:54:*', false],
    ['mac:bc:24:11:00:00:0[2-9]', false],
    ['mac:bc:24:11:00:00:0[0-9]', true],
    ['mac:bc:24:11', false],
    ['/boot/arch=x64-uefi', true],
    ['/boot/arch=X64-UEFI', false],
    ['/boot/vendorClass=PXEClient:Arch:0000?:*', true],
    ['/dmi/system/name=PowerEdge R6?0', true],
    ['/dmi/system/name=PowerEdge', false],
    ['/dmi/*/serial=ABC*', true],
    ['/network_interfaces/*/link=enp*', true],
    ['/network_interfaces/0/link=enp*', false],
    ['/network_interfaces/*/speed=25000', true],
    ['/network_interfaces/*/up=true', true],
    ['/network_interfaces/*=*', false],
    ['/dmi/a~1b/m~0n=x', true],
    ['/nothing/here=*', false],
    ['/dmi/__proto__/x=*', false],
    ['/boot/constructor/name=*', false],
  ];
  for (const [condition, wanted] of rows) {
    const rules = compileRules([aRule({ conditions: [condition] })]);
    t.equal(firstMatch(rules, MACHINE, 0) !== undefined, wanted, condition);
  }
});

test('what is no condition is refused with its remedy', async (t) => {
  for (const text of [
    '',
    'mac:',
    'mac:zz:*',
    'mac:bc:24,',
    'mac:[',
    'arch=bios',
    '/=x',
    '/a',
    '/a=',
    '/a=[x',
    '/a=***',
    `/a=${'x'.repeat(600)}`,
    '/a=\u0000',
    `/${'a/'.repeat(20)}b=x`,
  ])
    t.throws(
      () => parseCondition(text),
      { code: 'rule.condition', remedy: /mac:GLOB/ },
      JSON.stringify(text.slice(0, 20)),
    );
});

test('all conditions must hold, and the reason names the one that does not', async (t) => {
  const rules = compileRules([aRule({ conditions: ['mac:bc:*', '/boot/arch=bios', '/gone/x=1'] })]);
  const verdicts = explainRules(rules, MACHINE, 0);
  t.same(verdicts[0]?.conditions[2]?.found, []);
  t.match(verdicts, [
    {
      because: 'condition',
      conditions: [
        { holds: true },
        { condition: '/boot/arch=bios', holds: false, found: ['x64-uefi'] },
        { holds: false },
      ],
    },
  ]);
});

test('which rule acts', async (t) => {
  const any = ['mac:*'];
  const rows: ReadonlyArray<
    readonly [string, ReadonlyArray<Parameters<typeof aRule>[0]>, Partial<Machine>, string | undefined]
  > = [
    ['none', [], {}, undefined],
    [
      'the highest priority',
      [
        { name: 'a', conditions: any },
        { name: 'b', priority: 5, conditions: any },
      ],
      {},
      'b',
    ],
    [
      'of equal ones the first name',
      [
        { name: 'b', conditions: any },
        { name: 'a', conditions: any },
      ],
      {},
      'a',
    ],
    [
      'the default comes last, whatever its priority',
      [
        { name: 'd', conditions: [], priority: 900 },
        { name: 'z', priority: -9, conditions: any },
      ],
      {},
      'z',
    ],
    [
      'the default, when nothing else fits',
      [
        { name: 'd', conditions: [] },
        { name: 'z', conditions: ['mac:ff*'] },
      ],
      {},
      'd',
    ],
    [
      'not one that is over',
      [
        { name: 'a', priority: 1, conditions: any, expiresAt: 100 },
        { name: 'b', conditions: any },
      ],
      {},
      'b',
    ],
    [
      'not one that is full',
      [
        { name: 'a', priority: 1, conditions: any, machines: 2, registered: 2 },
        { name: 'b', conditions: any },
      ],
      {},
      'b',
    ],
    [
      'none for a machine that was retired',
      [{ name: 'd', conditions: [] }],
      { retiredFrom: 'old.lab.example' },
      undefined,
    ],
  ];
  for (const [name, changes, machine, wanted] of rows) {
    const rules = compileRules(changes.map((change, i) => aRule({ id: `r${i}`, ...change })));
    const found = { ...MACHINE, ...machine };
    t.equal(firstMatch(rules, found, 100)?.name, wanted, name);
    t.equal(
      explainRules(rules, found, 100).find(({ because }) => because === 'matches')?.rule.name,
      wanted,
      `${name}: explained alike`,
    );
  }
});

test('names', async (t) => {
  const facts = {
    mac: 'bc:24:11:00:00:01' as Mac,
    serial: 'ABC 123/x.',
    uuid: undefined,
    arch: 'x64-uefi',
    site: 'lab',
  };
  for (const [template, wanted] of [
    ['pve{{counter.rack}}.lab.example', 'pve07.lab.example'],
    ['n-{{mac}}.{{site}}.example', 'n-bc2411000001.lab.example'],
    ['s-{{serial}}.lab.example', 's-abc-123-x.lab.example'],
    ['{{arch}}-1.lab.example', 'x64-uefi-1.lab.example'],
  ] as const) {
    t.ok(checkNameTemplate(template, ['rack']));
    t.equal(nameOfMachine(template, facts, { rack: '07' }), wanted);
  }
  for (const [template, code] of [
    ['pve{{counter.other}}.lab.example', 'rule.name-template'],
    ['{{#if mac}}x{{/if}}.lab.example', 'rule.name-template'],
    ['{{values.x}}.lab.example', 'rule.name-template'],
    ['pve{{mac}}', 'fqdn.malformed'],
    ['pve_{{mac}}.lab.example', 'fqdn.malformed'],
    ['{{mac', 'rule.name-template'],
  ] as const)
    t.throws(() => checkNameTemplate(template, ['rack']), { code }, template);
  t.throws(() => nameOfMachine('{{uuid}}.lab.example', facts, {}), { code: 'rule.name-unknown' });
});

test('property: whatever a machine says, matching ends, and a name is a name or refused', async (t) => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.string({ maxLength: 80 }), fc.string({ maxLength: 60 }), (facts, text, serial) => {
      const machine = { ...MACHINE, facts: { boot: facts } };
      try {
        const rules = compileRules([
          aRule({ conditions: [`/boot/*/${text}`] }),
          aRule({ name: 'b', conditions: ['/boot/*/*=*a*b*c'] }),
        ]);
        explainRules(rules, machine, 0);
        const name = nameOfMachine(
          's-{{serial}}.lab.example',
          { mac: MACHINE.macs[0] as Mac, serial, uuid: undefined, arch: undefined, site: 'x' },
          {},
        );
        if (!/^s-[a-z0-9-]+\.lab\.example$/.test(name)) throw new Error(name);
      } catch (error) {
        if (!(error instanceof IronwakeError)) throw error;
      }
    }),
    { numRuns: 500 },
  );
  t.pass('held');
});

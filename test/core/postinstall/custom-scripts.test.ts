/** Custom scripts in the plan: one step for each, by name, with what they carry. */
import t from 'tap';
import { IronwakeError } from '../../../src/errors.ts';
import { buildPlan } from '../../../src/postinstall/plan.ts';
import { withholdSecrets } from '../../../src/postinstall/release.ts';

const planOf = (scripts: unknown, more: Readonly<Record<string, unknown>> = {}) =>
  buildPlan({ postInstall: { ...more, 'custom-scripts': { scripts } }, product: 'pve', release: '9.2' });

t.test('a step for each, in the order of their names, after what they may build on', async (t) => {
  const plan = planOf({ b: { run: 'b' }, a: { run: 'a', timeLimitSeconds: 10 } }, { ssh: {}, repositories: {} });
  t.strictSame(
    plan.modules.map(({ module, key, follows }) => [module.name, key, follows]),
    [
      ['repositories', 'repositories', []],
      ['ssh', 'ssh', []],
      ['custom-scripts-a', 'custom-scripts', ['repositories', 'ssh']],
      ['custom-scripts-b', 'custom-scripts', ['repositories', 'ssh']],
    ],
  );
  t.strictSame(
    plan.modules
      .slice(2)
      .map(({ module, prepared }) => [module.timeLimitSeconds, prepared.files.map(({ content }) => content)]),
    [
      [160, ['a']],
      [450, ['b']],
    ],
  );
  t.not(planOf({ a: { run: 'a' } }).digest, planOf({ a: { run: 'a', arguments: ['x'] } }).digest);
});

t.test('a step with a secret waits for a person, the others do not', async (t) => {
  const scripts = { open: { run: 'true' }, closed: { run: 'true', secrets: { token: { secret: 't' } } } };
  const resolved = { ...scripts, closed: { run: 'true', secrets: { token: 'value' } } };
  const { plan, withheld } = withholdSecrets(planOf(resolved), { 'custom-scripts': { scripts } });
  t.ok(withheld.includes('custom-scripts-closed'));
  t.notOk(plan.modules.some(({ module }) => module.name === 'custom-scripts-closed'));
  // A script that is a secret as a whole.
  const whole = { all: { run: { secret: 'script' } } };
  t.strictSame(withholdSecrets(planOf({ all: { run: 'true' } }), { 'custom-scripts': { scripts: whole } }).withheld, [
    'custom-scripts-all',
  ]);
});

t.test('what is refused', async (t) => {
  const rows: ReadonlyArray<[string, unknown, string]> = [
    ['no script', {}, 'scripts'],
    ['a name that is a path', { '../x': { run: 'true' } }, 'scripts.../x'],
    ['nothing to run', { a: {} }, 'scripts.a.run'],
    ['an argument of two lines', { a: { run: 'true', arguments: ['x\ny'] } }, 'scripts.a.arguments.0'],
    ['NUL in a script', { a: { run: 'true\0' } }, 'scripts.a.run'],
    ['a secret whose name is a path', { a: { run: 'true', secrets: { '../x': 'y' } } }, 'scripts.a.secrets.../x'],
    ['too long', { a: { run: `#${'x'.repeat(65_536)}` } }, 'scripts.a.run'],
    ['no limit', { a: { run: 'true', timeLimitSeconds: 0 } }, 'scripts.a.timeLimitSeconds'],
  ];
  for (const [name, scripts, field] of rows) {
    try {
      planOf(scripts);
      t.fail(name);
    } catch (error) {
      t.ok(error instanceof IronwakeError, name);
      t.match(error, { code: 'plan.parameter' }, name);
      t.match(
        String((error as IronwakeError).field).replaceAll('~1', '/'),
        `postInstall.custom-scripts.${field}`,
        name,
      );
    }
  }
});

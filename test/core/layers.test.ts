/** The layers of tests: what cannot run is said with its remedy, and no test belongs to none. */
import { globSync } from 'node:fs';
import t from 'tap';
import { LAYERS, type Layer, obstacleOf } from '../../scripts/test/layers.ts';

t.test('why a layer cannot run', async (t) => {
  const layer: Layer = {
    ...{ name: 'net', what: 'network namespaces', jobs: 1, shared: false, timeoutSeconds: 1 },
    ...{ needsRoot: false, devices: [] },
  };
  t.equal(obstacleOf(layer), undefined);
  t.match(
    obstacleOf({ ...layer, devices: ['/dev/null', '/dev/no-such'] }),
    /^\/dev\/no-such is missing: .*load its kernel module/,
  );
  for (const uid of [0, 1000])
    await t.test(`as user ${uid}`, async (t) => {
      t.intercept(process, 'getuid', { value: () => uid });
      const said = obstacleOf({ ...layer, needsRoot: true });
      if (uid === 0) t.equal(said, undefined);
      else t.match(said, 'network namespaces: that needs root. Type: sudo npm test -- net');
    });
});

t.test('each test belongs to a layer', async (t) => {
  for (const file of globSync('test/**/*.test.ts'))
    t.ok(
      LAYERS.some(({ name }) => file.startsWith(`test/${name}/`)),
      file,
    );
});

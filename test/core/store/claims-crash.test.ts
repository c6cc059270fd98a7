/** Several processes take numbers of one pool at the same time, and each is killed at some moment: no number is held twice, none is lost. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import fc from 'fast-check';
import { test } from 'tap';
import { silentLog } from '../../../src/log.ts';
import { openStore } from '../../../src/store/store.ts';

interface Told {
  readonly id: string;
  readonly number: number;
}

test('property: whoever is killed when, every number that was told of is held by its node, and by no other', async (t) => {
  let round = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 2, maxLength: 3 }), async (lives) => {
      round += 1;
      const path = join(t.testdir({ [`round-${round}`]: {} }), `round-${round}`, 'ironwake.db');
      await (await openStore({ path, log: silentLog })).close();
      const told: Told[] = [];
      const children: ChildProcess[] = [];
      await Promise.all(
        lives.map(async (messages, i) => {
          const child = fork(new URL('./register-until-killed.ts', import.meta.url), [path, String(i)]);
          children.push(child);
          let left = messages;
          child.on('message', (message) => {
            told.push(message as Told);
            left -= 1;
            if (left === 0) child.kill('SIGKILL');
          });
          const [code, signal] = await once(child, 'exit');
          // One that ends by itself, because it could not even begin, has shown nothing.
          if (signal !== 'SIGKILL') throw new Error(`process ${i} ended with ${code ?? signal}, and was not killed`);
        }),
      );
      if (told.length < lives.reduce((sum, messages) => sum + messages, 0))
        throw new Error('less was told than asked for');
      const store = await openStore({ path, log: silentLog });
      const nodes = await store.nodes.list();
      const claims = (await Promise.all(nodes.map(({ id }) => store.claims.ofNode(id)))).flat();
      await store.close();
      if (claims.length !== nodes.length) throw new Error('a node without a number, or two numbers of one node');
      if (new Set(claims.map(({ number }) => number)).size !== claims.length) throw new Error('a number is held twice');
      const held = new Map(claims.map(({ nodeId, number }) => [nodeId, number]));
      const there = new Set(nodes.map(({ id }) => id));
      for (const { id, number } of told)
        if (there.has(id) && held.get(id) !== number)
          throw new Error(`${id} was told ${number} and holds ${held.get(id)}`);
      const gone = told.filter(({ id }) => !there.has(id));
      // Only those that their own process removed are gone: every fifth turn the one before the last but one.
      for (const { id } of gone) if (Number(id.split('-')[2]) % 5 !== 2) throw new Error(`${id} is lost`);
    }),
    { numRuns: 2, endOnFailure: true },
  );
  t.pass('held');
});

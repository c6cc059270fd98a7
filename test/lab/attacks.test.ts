/**
 * A stranger on the provisioning network: what he gets, and what the timeline says of it. The node of each attack is a station that speaks
 * its part by curl, so that no machine has to boot; the image is the stand-in's.
 */
import { type Test, test } from 'tap';
import type { NodeView } from '../../src/api/schemas.ts';
import { DAEMON_ADDRESS } from './lab.ts';
import { ask, HTTP, PlayedMachine, type Reply } from './played.ts';
import { ADMIN_PASSWORD, Site, timelineText } from './site.ts';

const SENTENCE = /^Refused\. Whoever looks after this boot server finds the reason under reference \w+\.\n$/;

/** An armed node and the station that plays it. */
const arm = (site: Site, number: number): Promise<PlayedMachine> =>
  PlayedMachine.arm(site, {
    mac: `bc:24:11:00:01:0${number}`,
    fqdn: `victim${number}.lab.test`,
    address: `10.77.0.5${number}`,
  });

/** @param status 401 for a node's credential: its node is to prove its host key again */
function refusedAlike(t: Test, reply: Reply, what: string, status = 403): void {
  t.equal(reply.status, status, `${what}: refused`);
  t.match(reply.body, SENTENCE, `${what}: one sentence, no reason`);
}

function codesOf(view: NodeView): readonly string[] {
  return view.timeline.map((event) => event.code);
}

function saysRefused(t: Test, view: NodeView, what: RegExp, address: string): void {
  const told = view.timeline.filter((event) => event.code === 'refused' && what.test(event.text));
  t.ok(told.length > 0, `the timeline says why: ${what}`, { timeline: timelineText(view) });
  t.ok(
    told.every((event) => event.text.includes(address)),
    'and who it was',
  );
}

test('a stranger on the provisioning network', async (t) => {
  const site = await Site.start();
  t.teardown(() => site.stop());
  const { stranger } = site.lab;
  await site.must('POST', '/api/v1/media', { path: site.image });

  await t.test('(a) writes the MAC of an armed machine into the URL', async (t) => {
    const victim = await arm(site, 1);
    refusedAlike(t, await ask(stranger, victim.scriptUrl), 'the script');
    const view = await site.node(victim.id);
    saysRefused(t, view, /the boot script.*another one than it says/, '10.77.0.9');
    t.equal(view.run?.state, 'armed', 'the run waits on, untouched');
    t.match((await ask(victim.station, victim.scriptUrl)).body, /^#!ipxe/, 'the machine itself gets its script');
  });

  await t.test('(b) takes the MAC for his own', async (t) => {
    const victim = await arm(site, 2);
    // Nobody can tell him from the machine: he gets the answer. What it is worth is asserted, and that the machine notices.
    const spoofer = site.lab.station('spoofer', '10.77.0.66', victim.options.mac);
    victim.station.ip('link', 'set', 'lan0', 'down');
    const urls = await victim.load(spoofer);
    const got = await victim.claim(urls.answer, spoofer);
    t.equal(got.status, 200, 'the honest loss: he gets the answer');
    t.match(got.body, /root-password-hashed = "\$6\$/, 'with the hash of a random password');
    t.notMatch(got.body, /root-password = |PRIVATE KEY/, 'and no secret');
    t.notOk(got.body.includes(ADMIN_PASSWORD), "not the plan's either");
    spoofer.ip('link', 'set', 'lan0', 'down');
    victim.station.ip('link', 'set', 'lan0', 'up');
    t.match(
      (await ask(victim.station, victim.scriptUrl)).body,
      /nothing to install here \(reference \w+\)[\s\S]*sanboot/,
      'the machine boots its disk',
    );
    refusedAlike(t, await victim.claim(urls.answer), 'the machine with the same token, from its own address');
    const view = await site.node(victim.id);
    t.ok(view.run?.contested, 'contested');
    t.ok(codesOf(view).includes('run.contested'), 'and the timeline raises the alarm', {
      timeline: timelineText(view),
    });
    spoofer.ip('link', 'set', 'lan0', 'up');
    victim.station.ip('link', 'set', 'lan0', 'down');
    const hook = /https:[^"]+\/first-boot/.exec(got.body)?.[0] ?? '';
    refusedAlike(t, await ask(spoofer, hook), 'the spoofer: nothing more is released');
  });

  await t.test('(c) sniffed the image on its way', async (t) => {
    const victim = await arm(site, 3);
    const urls = await victim.load();
    refusedAlike(t, await ask(stranger, urls.image), 'the image again');
    const contested = await site.node(victim.id);
    t.ok(contested.run?.contested, 'contested: the token was seen at another machine');
    t.match(
      contested.timeline.find((event) => event.code === 'run.contested')?.text,
      '10.77.0.9',
      'the alarm names him',
    );
    refusedAlike(t, await victim.claim(urls.answer, stranger), 'the answer, with the token from the image');
    refusedAlike(t, await victim.claim(urls.answer), 'the machine itself, until somebody decides');
    await site.must('POST', `/api/v1/nodes/${victim.id}/trust`);
    const trusted = await site.node(victim.id);
    t.notOk(trusted.run?.contested, 'an administrator looked and trusts it');
    t.equal((await victim.claim(urls.answer)).status, 200, 'then it goes on');
    refusedAlike(t, await victim.claim(urls.answer, stranger), 'and still not for him');
  });

  await t.test('(d) claims before the node', async (t) => {
    const victim = await arm(site, 4);
    const urls = await victim.load();
    refusedAlike(t, await victim.claim(urls.answer, stranger), 'the claim');
    const view = await site.node(victim.id);
    t.ok(view.run?.contested, 'contested');
    t.notOk(codesOf(view).includes('installer.answer-served'), 'no answer has left', { timeline: timelineText(view) });
    saysRefused(t, view, /the answer.*bound to another address/, '10.77.0.9');
  });

  await t.test('(d) claims after the node', async (t) => {
    const victim = await arm(site, 5);
    const urls = await victim.load();
    t.equal((await victim.claim(urls.answer)).status, 200, 'the node has its answer');
    refusedAlike(t, await victim.claim(urls.answer, stranger), 'the second claim');
    const view = await site.node(victim.id);
    t.ok(view.run?.contested, 'contested');
    t.same(
      codesOf(view).filter((code) => code === 'installer.answer-served'),
      ['installer.answer-served'],
      'one answer was handed out, to the node',
    );
    t.equal(view.timeline.find((event) => event.code === 'run.contested')?.severity, 'alarm');
  });

  await t.test('tries tokens and asks as a node', async (t) => {
    for (const [what, reply] of [
      ['a made-up token', await ask(stranger, `${HTTP}/boot/abc.def/initrd.img`)],
      ['a made-up answer token', await ask(stranger, `https://${DAEMON_ADDRESS}:8443/installer/abc.def/answer`, '{}')],
      ['an unknown machine', await ask(stranger, `${HTTP}/boot/script/bc-24-11-ff-ff-ff`)],
    ] as const)
      refusedAlike(t, reply, what);
    const plan = await ask(stranger, `https://${DAEMON_ADDRESS}:8443/node/v1/plan`);
    refusedAlike(t, plan, 'a made-up credential', 401);
  });
});

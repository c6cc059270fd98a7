/**
 * The state machine of one run: run and observation in, the new run and its events out, or a refusal. Pure; only the journey calls it, and
 * run and events are written in one transaction.
 *
 *     armed -> booting -> loading -> live -> claimed -> installing -> installed -> configuring -> ready
 *
 * and from any of them failed, expired, cancelled; beside it the flag `contested`. From `claimed` on a machine boots its disk.
 */
import type { Budgets } from './budgets.ts';
import type { EventCode } from './events.ts';
import type { ContestReason, Observation, Source } from './observation.ts';
import { ENDED_STATES, hasExpired, lengthOf, type Run, type RunData, type RunState } from './run.ts';
import { JUMP_MS, shifted, shiftOf } from './set-clock.ts';
import { furthest, signalOf } from './stalls.ts';

export interface RunEvent {
  readonly code: EventCode;
  readonly data: Readonly<Record<string, unknown>>;
}

export type RefusalReason =
  | 'contested'
  | 'run-ended'
  | 'not-in-this-state'
  | 'not-contested'
  | 'another-source'
  | 'second-claim'
  | 'out-of-order'
  | 'other-webhook'
  | 'nothing-withheld'
  | 'too-many-codes'
  | 'wrong-code'
  | 'no-credential'
  | 'no-password';

/** So many wrong confirmation codes, then a pause. */
export const CODE_ATTEMPTS = 5;
export const CODE_PAUSE_MS = 10 * 60_000;
/** How long a node may wait for a person: a night and a day. */
const CODE_BUDGET_MS = 24 * 3_600_000;

export type Transition =
  | { readonly kind: 'accepted'; readonly run: Run; readonly events: readonly RunEvent[] }
  /** `run` is the run as it must be stored now: a refusal may have marked it contested. */
  | {
      readonly kind: 'refused';
      readonly reason: RefusalReason;
      readonly run: Run;
      readonly events: readonly RunEvent[];
    };

/** Order of the journey; "before" and "after" in the rules below mean this. */
const ORDER: readonly RunState[] = [
  'armed',
  'booting',
  'loading',
  'live',
  'claimed',
  'installing',
  'installed',
  'configuring',
  'ready',
];

const isBefore = (state: RunState, other: RunState): boolean => ORDER.indexOf(state) < ORDER.indexOf(other);

/** Observations that are taken although the run's time is over: an administrator's word, and a clock that was set. */
const PASTIME: ReadonlySet<Observation['kind']> = new Set(['cancel', 'clock-jumped']);

/** Observations of a machine at work: they end a stall. */
const SIGNS_OF_LIFE: ReadonlySet<Observation['kind']> = new Set([
  'firmware-asked',
  'loader-fetched',
  'script-served',
  'kernel-requested',
  'image-requested',
  'image-progress',
  'image-delivered',
  'installer-seen',
  'answer-claimed',
  'hook-fetched',
  'webhook',
  'node-proved',
  'plan-fetched',
  'step-reported',
]);

/**
 * Applies one observation.
 * @param now epoch milliseconds
 */
export function transition(run: Run, observation: Observation, now: number, budgets: Budgets): Transition {
  const result = new Step(run, now, budgets).apply(observation);
  if (result.kind === 'refused' || run.data.stalledSince === undefined || !SIGNS_OF_LIFE.has(observation.kind))
    return result;
  if (ENDED_STATES.has(result.run.state)) return result;
  const resumed: RunEvent = { code: 'run.resumed', data: { state: result.run.state } };
  const awake = new Step(result.run, now, budgets);
  return {
    kind: 'accepted',
    run: awake.with({ stalledSince: undefined }, { deadlineAt: awake.deadlineOf(result.run.state) }),
    events: [resumed, ...result.events],
  };
}

/** One application of the rules: holds run, time and budgets, so that each rule reads as a sentence. */
class Step {
  readonly #run: Run;
  readonly #now: number;
  readonly #budgets: Budgets;

  constructor(run: Run, now: number, budgets: Budgets) {
    this.#run = run;
    this.#now = now;
    this.#budgets = budgets;
  }

  apply(seen: Observation): Transition {
    const run = this.#run;
    const { state } = run;
    if (seen.kind === 'credential-revoked') return this.#credentialRevoked(seen.by);
    if (seen.kind === 'password-read') return this.#passwordRead(seen.by);
    if (ENDED_STATES.has(state)) return this.#afterEnd(seen);
    if (!PASTIME.has(seen.kind) && hasExpired(run, this.#now)) return this.#expire(seen);
    switch (seen.kind) {
      case 'cancel':
        return this.#end('cancelled', [event('run.cancelled', { by: seen.by })]);
      case 'contest':
        return this.#accept(this.#contested(), [
          event('run.contested', { reason: seen.reason, address: seen.address }),
        ]);
      case 'trust':
        return this.#trust(seen.by);
      case 'deadline':
        return this.#deadline();
      case 'clock-jumped':
        return this.#clockJumped(seen.byMs);
      default:
        break;
    }
    if (run.contested) return this.#whileContested(seen);
    switch (seen.kind) {
      case 'firmware-asked':
        return this.#firmwareAsked(seen);
      case 'loader-fetched':
        if (!isBefore(state, 'loading')) return this.#nothing();
        return this.#enter('booting', { bootSignal: furthest(this.#run.data.bootSignal, 'loader') }, [
          event('boot.loader-fetched', { file: seen.file, via: seen.via, bytes: seen.bytes }),
        ]);
      case 'script-served':
        return this.#scriptServed(seen.source);
      case 'kernel-requested':
        if (state !== 'booting' && state !== 'loading') return this.#refuse('not-in-this-state');
        return this.#enter('loading', {}, [event('boot.kernel-sent', { address: seen.source.address })]);
      case 'image-requested':
        return this.#imageRequested(seen);
      case 'image-progress':
        if (state !== 'loading') return this.#nothing();
        return this.#accept(this.with({ imageBytes: seen.bytes }, { deadlineAt: this.deadlineOf('loading') }), []);
      case 'image-delivered':
        if (state !== 'loading') return this.#nothing();
        return this.#accept(
          this.with({ imageBytes: seen.bytes, imageDeliveredAt: this.#now }, { deadlineAt: this.deadlineOf('live') }),
          [event('boot.image-delivered', { bytes: seen.bytes, durationMs: seen.durationMs })],
        );
      case 'image-cut':
        return this.#imageCut(seen);
      case 'installer-seen':
        // Forged as easily as any packet: it counts when the image can be there to have sent it.
        if (state !== 'loading' || !this.#imageIsThere()) return this.#nothing();
        return this.#enter('live', {}, [event('installer.seen')]);
      case 'answer-requested':
        return this.#claimIsRefused(seen.source) ?? this.#nothing();
      case 'answer-unusable': {
        const refused = this.#claimIsRefused(seen.source);
        if (refused !== undefined) return refused;
        const { message, source } = seen;
        return this.#accept(run, [event('installer.request-unusable', { message, address: source.address })]);
      }
      case 'answer-claimed':
        return this.#answerClaimed(seen);
      case 'answer-invalid':
        if (!isBefore(state, 'claimed')) return this.#refuse('not-in-this-state');
        return this.#end(
          'failed',
          [
            event('installer.answer-invalid', { message: seen.message, remedy: seen.remedy }),
            event('run.failed', { failure: 'answer-invalid' }),
          ],
          'answer-invalid',
        );
      case 'hook-fetched':
        return this.#hookFetched(seen);
      case 'webhook':
        return this.#webhook(seen);
      case 'node-proved':
        if (state !== 'installed' && state !== 'configuring') return this.#refuse('not-in-this-state');
        return this.#nodeProved(seen);
      case 'plan-fetched':
        return this.#planFetched(seen);
      case 'step-reported':
        return this.#stepReported(seen.report);
      case 'probe':
        if (state !== 'configuring') return this.#refuse('not-in-this-state');
        return this.#probed(seen);
      case 'plan-finished':
        return this.#planFinished(seen.result);
      case 'code-awaited':
        return this.#codeAwaited();
      case 'code-entered':
        return this.#codeEntered(seen.right, seen.by);
    }
  }

  // --- the rules, in the order of the journey ---

  #firmwareAsked(seen: Extract<Observation, { kind: 'firmware-asked' }>): Transition {
    const { state, data } = this.#run;
    if (!isBefore(state, 'claimed')) return this.#nothing();
    const { arch, stage, interfaceName, signal, relayed = false } = seen;
    const asked = event('boot.firmware-asked', { arch, stage, interface: interfaceName });
    if (isBefore(state, 'loading')) {
      const bootSignal = furthest(data.bootSignal, signal);
      const fresh = { arch, lastStage: stage, bootSignal, relayed: data.relayed === true || relayed };
      if (data.lastStage === stage) {
        const isKnown = fresh.relayed === (data.relayed ?? false) && bootSignal === data.bootSignal;
        return isKnown ? this.#nothing() : this.#accept(this.with(fresh), []);
      }
      // Repeating it renews no budget.
      return state === 'booting' ? this.#accept(this.with(fresh), [asked]) : this.#enter('booting', fresh, [asked]);
    }
    // A DISCOVER can be forged by anybody on the segment, so it moves nothing that is under way: a machine that really starts again
    // comes back for its script, and that request is bound.
    return this.#accept(this.#run, [asked]);
  }

  #scriptServed(source: Source): Transition {
    const { state } = this.#run;
    if (!isBefore(state, 'claimed')) return this.#refuse('not-in-this-state');
    const served = event('boot.script-served', { address: source.address });
    if (isBefore(state, 'loading')) return this.#enter('booting', { bootSignal: 'script' }, [served]);
    return this.#enter('booting', { ...UNBOUND, bootSignal: 'script' }, [
      event('boot.restarted', { from: state }),
      served,
    ]);
  }

  #imageRequested({ source, totalBytes, fingerprint }: Extract<Observation, { kind: 'image-requested' }>): Transition {
    const { state, data } = this.#run;
    if (state !== 'booting' && state !== 'loading') return this.#refuse('not-in-this-state');
    if (data.boundAddress === undefined) {
      const binding = source.mac === undefined ? 'unbound' : 'neighbour';
      return this.#enter(
        'loading',
        {
          boundAddress: source.address,
          boundMac: source.mac,
          boundInterface: source.interfaceName,
          binding,
          imageBytes: 0,
          imageTotalBytes: totalBytes,
          installerFingerprint: fingerprint,
        },
        [event('boot.image-started', { total: totalBytes, address: source.address, binding: BINDING_WORDS[binding] })],
      );
    }
    // A repetition or another range of the same machine is normal; anybody else with this token is a contest.
    return data.boundAddress === source.address
      ? this.#enter('loading', {}, [])
      : this.#contest('another-source', source);
  }

  /** All of it was delivered; or most of it, and the note of the end was lost with a daemon that was killed. */
  #imageIsThere(): boolean {
    const { imageDeliveredAt, imageBytes = 0, imageTotalBytes = 0 } = this.#run.data;
    return imageDeliveredAt !== undefined || (imageTotalBytes > 0 && imageBytes * 2 > imageTotalBytes);
  }

  /** Whether a claim by this source cannot be: the refusal then, which may contest the run. */
  #claimIsRefused(source: Source): Transition | undefined {
    const { state } = this.#run;
    // The installer runs out of the image: before that was delivered, or the live system was heard, nobody can be asking.
    const mayBeLive = state === 'live' || (state === 'loading' && this.#imageIsThere());
    if (isBefore(state, 'claimed') && !mayBeLive) return this.#contest('out-of-order', source);
    if (!isBefore(state, 'claimed')) {
      return this.#contest(this.#isBoundTo(source) ? 'second-claim' : 'another-source', source);
    }
    if (this.#isBoundTo(source) || this.#isBoundMachine(source)) return undefined;
    return this.#contest('another-source', source);
  }

  #answerClaimed(seen: Extract<Observation, { kind: 'answer-claimed' }>): Transition {
    const refused = this.#claimIsRefused(seen.source);
    if (refused !== undefined) return refused;
    const { source, answer, product, release } = seen;
    const { boundAddress } = this.#run.data;
    const bound = { boundAddress: source.address, boundMac: source.mac, boundInterface: source.interfaceName };
    const moved =
      boundAddress === source.address
        ? []
        : [event('installer.address-changed', { before: boundAddress, address: source.address, mac: source.mac })];
    return this.#enter('claimed', { ...bound, claimedAt: this.#now, answer }, [
      ...moved,
      event('installer.answer-served', { address: source.address, product, release }),
    ]);
  }

  /**
   * The live system may have another address than its loader (a DHCP server may key leases by a client id that only the loader sends). Once its
   * own DHCP request was heard, the same MAC at another address is taken for it, and the timeline says so; from the claim on the address is
   * fixed. Whoever forges the MAC has the answer anyway: it is worthless, and the machine's own claim contests the run.
   */
  #isBoundMachine({ mac, interfaceName }: Source): boolean {
    const { boundMac, boundInterface } = this.#run.data;
    return this.#run.state === 'live' && mac !== undefined && mac === boundMac && interfaceName === boundInterface;
  }

  #hookFetched({ source, pins }: Extract<Observation, { kind: 'hook-fetched' }>): Transition {
    const { state } = this.#run;
    if (isBefore(state, 'claimed')) return this.#contest('out-of-order', source);
    if (!this.#isBoundTo(source)) return this.#contest('another-source', source);
    if (state === 'installing') return this.#nothing();
    if (state !== 'claimed') return this.#refuse('not-in-this-state');
    const told = { hookFetchedAt: this.#now, toldPins: pins, knownPins: pins };
    return this.#enter('installing', told, [event('installer.hook-fetched')]);
  }

  #webhook(seen: Extract<Observation, { kind: 'webhook' }>): Transition {
    const { state, data } = this.#run;
    if (isBefore(state, 'claimed')) return this.#contest('out-of-order', seen.source);
    if (data.webhookDigest !== undefined) {
      if (data.webhookDigest !== seen.digest) return this.#contest('other-webhook', seen.source);
      return this.#accept(this.#run, [event('installer.webhook-repeated')]);
    }
    if (!this.#isBoundTo(seen.source)) return this.#contest('another-source', seen.source);
    return this.#enter(
      'installed',
      { webhookDigest: seen.digest, webhook: seen.document, hostKeys: seen.hostKeys, nodeAddress: seen.source.address },
      [
        event('installer.installed', { fqdn: seen.fqdn, product: seen.product, version: seen.version }),
        ...(seen.readable ? [] : [event('installer.webhook-unreadable')]),
      ],
    );
  }

  #nodeProved(seen: Extract<Observation, { kind: 'node-proved' }>): Transition {
    const { keyType, fingerprint, credentialHash, source } = seen;
    const proved = {
      credentialHash,
      credentialIssuedAt: this.#now,
      provedFingerprint: fingerprint,
      nodeAddress: source.address,
      // The code that was confirmed stood for one host key, and for no other.
      ...(fingerprint === this.#run.data.provedFingerprint ? {} : { confirmedAt: undefined }),
    };
    return this.#enter('configuring', proved, [event('node.proved', { keyType, fingerprint })]);
  }

  /** In every state: a credential of a run that has ended may still repeat its reports. */
  #credentialRevoked(by: string): Transition {
    if (this.#run.data.credentialHash === undefined) return this.#refuse('no-credential');
    return this.#accept(this.with({ credentialHash: undefined, credentialRevokedAt: this.#now }), [
      event('node.credential-revoked', { by }),
    ]);
  }

  /** In every state: the machine has it after the end, too. */
  #passwordRead(by: string): Transition {
    if (this.#run.data.sealedRootPassword === undefined) return this.#refuse('no-password');
    return this.#accept(this.with({ sealedRootPassword: undefined, rootPasswordReadAt: this.#now }), [
      event('node.password-read', { by }),
    ]);
  }

  #planFetched(seen: Extract<Observation, { kind: 'plan-fetched' }>): Transition {
    const { data, state } = this.#run;
    if (state !== 'configuring') return this.#refuse('not-in-this-state');
    const { modules, withheld = [], pins, probePublicKey, sealedProbeKey } = seen;
    // Decided from the run as the caller saw it: meanwhile another host key may have been proved.
    if (withheld.length === 0 && (data.withheld ?? []).length > 0 && data.confirmedAt === undefined)
      return this.#refuse('not-in-this-state');
    const again = data.probePublicKey !== undefined;
    const same = again && (data.withheld ?? []).join() === withheld.join();
    // Fetched again after a reboot of the node: the probe key of the run stays the same.
    if (same && (pins ?? []).join() === (data.knownPins ?? []).join()) return this.#nothing();
    const keys = again ? {} : { probePublicKey, sealedProbeKey };
    const fetched = this.with({ planModules: modules, withheld, knownPins: pins, ...keys });
    if (same) return this.#accept(fetched, []);
    return this.#accept(fetched, [
      event('plan.fetched', { modules }),
      ...(withheld.length === 0 ? [] : [event('plan.withheld', { modules: withheld })]),
    ]);
  }

  #codeAwaited(): Transition {
    const { state, data } = this.#run;
    if (state !== 'configuring') return this.#refuse('not-in-this-state');
    if (data.waitingForCodeSince !== undefined || data.confirmedAt !== undefined) return this.#nothing();
    return this.#accept(
      this.with(
        { waitingForCodeSince: this.#now, stalledSince: undefined },
        { deadlineAt: this.#now + CODE_BUDGET_MS },
      ),
      [event('plan.waiting-for-code', { modules: data.withheld ?? [] })],
    );
  }

  #codeEntered(right: boolean, by: string): Transition {
    const { state, data } = this.#run;
    if (state !== 'configuring') return this.#refuse('not-in-this-state');
    if (data.confirmedAt !== undefined || (data.withheld ?? []).length === 0) return this.#refuse('nothing-withheld');
    const paused = this.#now - (data.codeFailedAt ?? 0) >= CODE_PAUSE_MS;
    const failures = paused ? 0 : (data.codeFailures ?? 0);
    if (failures >= CODE_ATTEMPTS) return this.#refuse('too-many-codes');
    if (!right) {
      return {
        kind: 'refused',
        reason: 'wrong-code',
        run: this.with({ codeFailures: failures + 1, codeFailedAt: this.#now }),
        events: [event('run.wrong-code', { by, left: CODE_ATTEMPTS - failures - 1 })],
      };
    }
    return this.#accept(
      this.with(
        { confirmedAt: this.#now, codeFailures: undefined, codeFailedAt: undefined, waitingForCodeSince: undefined },
        { deadlineAt: this.deadlineOf('configuring') },
      ),
      [event('run.confirmed', { by, fingerprint: data.provedFingerprint })],
    );
  }

  #stepReported(report: Extract<Observation, { kind: 'step-reported' }>['report']): Transition {
    if (this.#run.state !== 'configuring') return this.#refuse('not-in-this-state');
    if (report.seq <= (this.#run.data.lastReportSeq ?? 0)) return this.#nothing();
    const { module, step, result, durationMs, detail } = report;
    // Reports that were held up may still come while the node waits for a person: that time is another one.
    const waits = this.#run.data.waitingForCodeSince !== undefined;
    const fields = waits ? {} : { deadlineAt: this.deadlineOf('configuring') };
    const before = this.#run.data.results ?? {};
    const ofModule = Object.hasOwn(before, module) ? before[module] : undefined;
    const results = { ...before, [module]: { ...ofModule, [step]: result } };
    return this.#accept(this.with({ lastReportSeq: report.seq, results }, fields), [
      event(result === 'failed' ? 'plan.step-failed' : 'plan.step', { module, step, result, durationMs, detail }),
    ]);
  }

  #probed({ result, detail, address }: Extract<Observation, { kind: 'probe' }>): Transition {
    const moved = result === 'ok' && address !== undefined;
    return this.#accept(moved ? this.with({ nodeAddress: address }) : this.#run, [
      event('plan.probe', { result, detail, ...(moved ? { address } : {}) }),
    ]);
  }

  #planFinished(result: 'ok' | 'failed'): Transition {
    const { state, data } = this.#run;
    if (state !== 'configuring' || data.planModules === undefined) return this.#refuse('not-in-this-state');
    // What is still withheld has not run.
    const unproven = [...data.planModules, ...(data.withheld ?? [])].filter(
      (module) => !isProven(data.results?.[module]),
    );
    if (result === 'ok' && unproven.length > 0) {
      const failed = event('run.failed', { failure: 'reports-missing', modules: unproven });
      return this.#end('failed', [failed], 'reports-missing');
    }
    if (result === 'failed')
      return this.#end('failed', [event('run.failed', { failure: 'plan-failed' })], 'plan-failed');
    return this.#end('ready', [event('run.ready', { durationMs: lengthOf(this.#run.armedAt, this.#now) })]);
  }

  #trust(by: string): Transition {
    if (!this.#run.contested) return this.#refuse('not-contested');
    const trusted = event('run.trusted', { by });
    const held = (this.#run.data.heldWebhooks ?? []) as ReadonlyArray<Extract<Observation, { kind: 'webhook' }>>;
    const cleared: Run = {
      ...this.with({ heldWebhooks: undefined }, { deadlineAt: this.deadlineOf(this.#run.state) }),
      contested: false,
    };
    // The report of the machine that the run is bound to; with none from there the first that came, which contests the run again.
    const taken = held.find((webhook) => this.#isBoundTo(webhook.source)) ?? held[0];
    if (taken === undefined) return this.#accept(cleared, [trusted]);
    const result = new Step(cleared, this.#now, this.#budgets).apply(taken);
    return { ...result, events: [trusted, ...result.events] };
  }

  #deadline(): Transition {
    const { state, deadlineAt, data, stateSince } = this.#run;
    if (deadlineAt === undefined || deadlineAt > this.#now) return this.#nothing();
    const claimed = !isBefore(state, 'claimed');
    if (data.waitingForCodeSince !== undefined)
      return this.#end('failed', [event('run.failed', { failure: 'not-confirmed' })], 'not-confirmed');
    if (data.stalledSince !== undefined)
      return this.#end('failed', [event('run.failed', { failure: 'silent' })], 'silent');
    return this.#accept(
      this.with(
        { stalledSince: this.#now },
        { deadlineAt: claimed ? this.#now + this.#budgets.giveUp : data.expiresAt },
      ),
      [
        event('run.stalled', {
          state,
          signal: signalOf(this.#run),
          arch: data.arch,
          silentMs: lengthOf(stateSince, this.#now),
        }),
      ],
    );
  }

  /** All times of the run move along; and no deadline is further away than a fresh one. */
  #clockJumped(byMs: number): Transition {
    const shift = shiftOf(this.#run, byMs, this.#now);
    if (Math.abs(shift) < JUMP_MS) return this.#nothing();
    const moved = new Step(shifted(this.#run, shift), this.#now, this.#budgets);
    const { state, deadlineAt = Infinity, data } = moved.#run;
    // A stall has a deadline of its own.
    const latest = data.stalledSince === undefined ? (moved.deadlineOf(state) ?? deadlineAt) : deadlineAt;
    return this.#accept(moved.with({}, { deadlineAt: Math.min(deadlineAt, latest) }), [
      event('run.clock-jumped', { byMs: shift }),
    ]);
  }

  /** A contested run releases nothing. Only webhooks are kept: refusing one would leave an installed machine at a shell. */
  #whileContested(seen: Observation): Transition {
    if (seen.kind === 'image-cut') return this.#imageCut(seen);
    if (seen.kind !== 'webhook') return this.#refuse('contested');
    const held = this.#run.data.heldWebhooks ?? [];
    const known = [this.#run.data.webhookDigest, ...held.map((webhook) => webhook.digest)];
    if (known.includes(seen.digest)) return this.#nothing();
    // The report of the bound machine has places of its own: strangers who were first must not take the last one.
    const bound = this.#isBoundTo(seen.source);
    const alike = held.filter((webhook) => this.#isBoundTo(webhook.source as Source) === bound);
    if (alike.length >= (bound ? HELD_OF_BOUND : HELD_OF_OTHERS)) return this.#refuse('contested');
    return this.#accept(this.with({ heldWebhooks: [...held, { ...seen }] }), [
      event('installer.webhook-held', { address: seen.source.address }),
    ]);
  }

  #imageCut({ bytes, because }: Extract<Observation, { kind: 'image-cut' }>): Transition {
    const total = this.#run.data.imageTotalBytes ?? bytes;
    return this.#accept(this.#run, [event('boot.image-cut', { bytes, total, because })]);
  }

  /** Its time was over when this came, whether or not the sweep has been by. */
  #expire(seen: Observation): Transition {
    const ended = this.#end('expired', [event('run.expired')]);
    return seen.kind === 'deadline'
      ? ended
      : { kind: 'refused', reason: 'run-ended', run: ended.run, events: ended.events };
  }

  /** What still comes after the end is taken where it repeats what was said, and refused otherwise. */
  #afterEnd(seen: Observation): Transition {
    const { state, data } = this.#run;
    const repeats =
      (seen.kind === 'webhook' && data.webhookDigest === seen.digest) ||
      (seen.kind === 'step-reported' && seen.report.seq <= (data.lastReportSeq ?? 0)) ||
      (seen.kind === 'plan-finished' &&
        seen.result === (state === 'ready' ? 'ok' : 'failed') &&
        data.planModules !== undefined) ||
      seen.kind === 'deadline' ||
      seen.kind === 'clock-jumped' ||
      seen.kind === 'firmware-asked' ||
      seen.kind === 'installer-seen' ||
      seen.kind === 'loader-fetched' ||
      seen.kind === 'image-delivered';
    if (seen.kind === 'image-cut') return this.#imageCut(seen);
    // A plan that was ordered later may change SSH, firewall or network too.
    if (seen.kind === 'probe' && state === 'ready') return this.#probed(seen);
    return repeats ? this.#nothing() : this.#refuse('run-ended');
  }

  // --- building blocks ---

  #isBoundTo(source: Source): boolean {
    return this.#run.data.boundAddress === source.address;
  }

  /** When the budget of a state ends: before the claim never later than the run's own expiry. */
  deadlineOf(state: RunState): number | undefined {
    if (ENDED_STATES.has(state)) return undefined;
    const { waitingForCodeSince } = this.#run.data;
    // A person may take a day, whatever else the node does meanwhile.
    if (state === 'configuring' && waitingForCodeSince !== undefined) return waitingForCodeSince + CODE_BUDGET_MS;
    const budget = this.#budgets.states[state];
    const end = budget === undefined ? this.#run.data.expiresAt : this.#now + budget;
    return isBefore(state, 'claimed') ? Math.min(end, this.#run.data.expiresAt) : end;
  }

  with(data: Partial<RunData>, fields: Partial<Pick<Run, 'deadlineAt'>> = {}): Run {
    return { ...this.#run, ...fields, revision: this.#run.revision + 1, data: { ...this.#run.data, ...data } };
  }

  #enter(state: RunState, data: Partial<RunData>, events: readonly RunEvent[]): Transition {
    const same = state === this.#run.state;
    const moved: Run = {
      ...this.with(data, { deadlineAt: this.deadlineOf(state) }),
      state,
      stateSince: same ? this.#run.stateSince : this.#now,
    };
    return this.#accept(moved, events);
  }

  #end(state: RunState, events: readonly RunEvent[], failure?: string): Transition {
    const ended: Run = {
      ...this.with(
        {
          stalledSince: undefined,
          heldWebhooks: undefined,
          // A password that no machine has got is of no use to anybody.
          ...(this.#run.data.claimedAt === undefined ? { sealedRootPassword: undefined } : {}),
        },
        { deadlineAt: undefined },
      ),
      state,
      failure,
      stateSince: this.#now,
      endedAt: this.#now,
    };
    return this.#accept(ended, events);
  }

  #contested(): Run {
    return { ...this.with({}), contested: true };
  }

  #contest(reason: ContestReason, source: Source): Transition {
    return {
      kind: 'refused',
      reason,
      run: this.#contested(),
      events: [event('run.contested', { reason, address: source.address })],
    };
  }

  #accept(run: Run, events: readonly RunEvent[]): Transition {
    return {
      kind: 'accepted',
      run: run.revision === this.#run.revision && events.length > 0 ? this.with({}) : run,
      events,
    };
  }

  #nothing(): Transition {
    return { kind: 'accepted', run: this.#run, events: [] };
  }

  #refuse(reason: RefusalReason): Transition {
    return { kind: 'refused', reason, run: this.#run, events: [] };
  }
}

/** A machine sends one report; more than a few different ones are a flood. Each may have megabytes, and `trust` takes one of them. */
const HELD_OF_BOUND = 2;
const HELD_OF_OTHERS = 2;

/** Applied, verified, and a second run that changed nothing: only that makes a module hold. */
function isProven(results: Readonly<Partial<Record<string, string>>> | undefined): boolean {
  return results?.verify === 'ok' && results.reapply === 'unchanged';
}

const UNBOUND: Partial<RunData> = {
  boundAddress: undefined,
  boundMac: undefined,
  boundInterface: undefined,
  binding: undefined,
  imageBytes: undefined,
  imageTotalBytes: undefined,
  imageDeliveredAt: undefined,
  installerFingerprint: undefined,
};

const BINDING_WORDS = {
  neighbour: 'bound to the MAC of this node',
  unbound: 'unbound (another network: the MAC cannot be seen)',
} as const;

function event(code: EventCode, data: Readonly<Record<string, unknown>> = {}): RunEvent {
  return { code, data };
}

/** A machine that a station plays by curl: loader and installer, without a machine that boots. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StandInRelease } from './image.ts';
import { DAEMON_ADDRESS } from './lab.ts';
import type { Namespace } from './namespaces.ts';
import { PROFILE, type Site } from './site.ts';

export const HTTP = `http://${DAEMON_ADDRESS}:8080`;

export interface Reply {
  readonly status: number;
  readonly body: string;
}

/** What the mode file in an image says. */
export interface AnswerPlace {
  readonly url: string;
  /** For the Authorization header, from 9.2 on; before, it stands in the URL. */
  readonly token: string | undefined;
}

/** One request from a station. @throws Error when nobody answers */
export async function ask(from: Namespace, url: string, body?: string, token?: string): Promise<Reply> {
  const post = body === undefined ? [] : ['--data-binary', '@-', '-H', 'Content-Type: application/json; charset=utf-8'];
  const bearer = token === undefined ? [] : ['-H', `Authorization: Bearer ${token}`];
  const asked = await from.run(['curl', '-ksS', '-w', '\n%{http_code}', ...post, ...bearer, url], {
    input: body ?? '',
  });
  if (asked.code !== 0) throw new Error(`${url}: ${asked.stderr}`);
  const end = asked.stdout.lastIndexOf('\n');
  return { status: Number(asked.stdout.slice(end + 1)), body: asked.stdout.slice(0, end) };
}

function systemInformation(mac: string, release: StandInRelease): string {
  return JSON.stringify({
    $schema: { version: '1.0' },
    product: { fullname: 'Proxmox VE', product: 'pve', enable_btrfs: true },
    iso: { release, isorelease: '1' },
    dmi: { baseboard: {}, chassis: {}, system: {} },
    network_interfaces: [{ link: 'eno1', mac: mac.toUpperCase() }],
  });
}

export interface PlayedOptions {
  readonly mac: string;
  readonly fqdn: string;
  readonly address: string;
  /** The lab's own unless told. */
  readonly profile?: string;
  /** 9.2 unless told. */
  readonly release?: StandInRelease;
}

export class PlayedMachine {
  readonly site: Site;
  readonly options: PlayedOptions;
  readonly id: string;
  readonly station: Namespace;

  private constructor(site: Site, options: PlayedOptions, id: string, station: Namespace) {
    this.site = site;
    this.options = options;
    this.id = id;
    this.station = station;
  }

  /** Registered and armed, with its station on the wire. */
  static async arm(site: Site, options: PlayedOptions): Promise<PlayedMachine> {
    const { mac, fqdn, address, profile = PROFILE } = options;
    const { id } = (await site.must('POST', '/api/v1/nodes', { mac, fqdn, profile })) as { id: string };
    await site.must('POST', `/api/v1/nodes/${id}/install`, {});
    return new PlayedMachine(site, options, id, site.lab.station(fqdn.split('.')[0] ?? '', address, mac));
  }

  get scriptUrl(): string {
    return `${HTTP}/boot/script/${this.options.mac.replaceAll(':', '-')}`;
  }

  /** Script, kernel and image, as the loader fetches them. Returns the URL that the script and the place of the answer that the image holds. */
  async load(from: Namespace = this.station): Promise<{ readonly image: string; readonly answer: AnswerPlace }> {
    const script = (await ask(from, this.scriptUrl)).body;
    const image = /http:\S+\/initrd\.img/.exec(script)?.[0];
    const kernel = /http:\S+\/linux26/.exec(script)?.[0];
    if (image === undefined || kernel === undefined) throw new Error(`no URLs in the script:\n${script}`);
    const file = join(this.site.lab.folder, `image-${this.id}`);
    for (const url of [kernel, image]) {
      const loaded = await from.run(['curl', '-sSf', '-o', file, url], { timeoutMs: 300_000 });
      if (loaded.code !== 0) throw new Error(loaded.stderr);
    }
    const held = async (line: string): Promise<string | undefined> =>
      /"(.*)"/.exec((await from.run(['grep', '-a', '-o', '-E', '-m1', `^${line}$`, file])).stdout)?.[1];
    const url = (await held('url = "https://[^"]+/answer"')) ?? '';
    const token = await held('token = "[^"]+"');
    return { image, answer: { url, token } };
  }

  claim({ url, token }: AnswerPlace, from: Namespace = this.station): Promise<Reply> {
    return ask(from, url, systemInformation(this.options.mac, this.options.release ?? '9.2'), token);
  }

  /**
   * The whole installation, and the station leaves the wire: from here on it is a machine's turn.
   * @param hostKey file of the host's public ed25519 key
   * @returns the first-boot hook
   */
  async install(hostKey: string): Promise<string> {
    const place = (await this.load()).answer;
    const answer = await this.#must(place.url, () => this.claim(place));
    const urls = [...answer.matchAll(/url = "(https:[^"]+)"/g)].map(([, url = '']) => url);
    const urlOf = (end: string): string => urls.find((url) => url.endsWith(end)) ?? '';
    const hook = await this.#must(urlOf('/first-boot'), (url) => ask(this.station, url));
    const webhook = {
      fqdn: this.options.fqdn,
      product: { short: 'pve', version: `${this.options.release ?? '9.2'}.1` },
      'ssh-public-host-keys': { ed25519: readFileSync(hostKey, 'utf8').trim() },
    };
    await this.#must(urlOf('/webhook'), (url) => ask(this.station, url, JSON.stringify(webhook)));
    this.station.ip('link', 'set', 'lan0', 'down');
    return hook;
  }

  async #must(url: string, request: (url: string) => Promise<Reply>): Promise<string> {
    const { status, body } = await request(url);
    if (status !== 200) throw new Error(`${url}: ${status} ${body}`);
    return body;
  }
}

/** A virtual machine with empty disks and real firmware, whose only way to software is the network. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, copyFileSync, existsSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Monitor } from './monitor.ts';
import { must, type Namespace } from './namespaces.ts';

/** `bios`: SeaBIOS, whose network ROM is an iPXE. `uefi`: OVMF with its own PXE, QEMU's ROM switched off. */
export type MachineFirmware = 'bios' | 'uefi';

export interface MachineOptions {
  readonly name: string;
  readonly firmware: MachineFirmware;
  /** Colon form. */
  readonly mac: string;
  /** Default 2048. */
  readonly memoryMiB?: number;
  /** Default 1: tests run two machines at once, emulation is cheaper without a second one, and OVMF lets it spin until the system takes it. */
  readonly processors?: number;
  /** Of each disk, default 10; the installer refuses less than 8. */
  readonly diskGiB?: number;
  /** Default 1: `vda`; two are `vda` and `vdb`. */
  readonly disks?: number;
  /** MACs of further cards on the same wire. */
  readonly furtherMacs?: readonly string[];
  /** What is on the first disk: a raw image, of which the machine gets a copy. Empty unless told. */
  readonly image?: string;
  /** Whether somebody may type on its serial console (default false). */
  readonly keyboard?: boolean;
  /** Whether a BIOS machine's card has its ROM, the iPXE (default true). Without it nothing but a direct boot is before the disk. */
  readonly networkRom?: boolean;
  /** Skips firmware and loader: for looking at the image alone. */
  readonly directBoot?: { readonly kernel: string; readonly initrd: string; readonly append: string };
}

const OVMF_CODE = '/usr/share/OVMF/OVMF_CODE_4M.fd';
const OVMF_VARS = '/usr/share/OVMF/OVMF_VARS_4M.fd';

export class Machine {
  readonly options: MachineOptions;
  /** The disks' files, in the order of their names. */
  readonly disks: readonly string[];
  readonly serialFile: string;
  /** As dmidecode prints it. */
  readonly uuid = randomUUID();
  readonly #folder: string;
  readonly #namespace: Namespace;
  readonly #taps: readonly string[];
  #process: ChildProcess | undefined;
  #monitor: Promise<Monitor | undefined> = Promise.resolve(undefined);
  #keyboard: Socket | undefined;
  #consumed = 0;

  /** @param taps the ports of the lab's bridge that its cards are at, in `namespace` */
  constructor(options: MachineOptions, folder: string, namespace: Namespace, taps: readonly string[]) {
    this.options = options;
    this.#folder = folder;
    this.#namespace = namespace;
    this.#taps = taps;
    const kind = options.image === undefined ? 'qcow2' : 'raw';
    this.disks = Array.from({ length: options.disks ?? 1 }, (_, index) =>
      join(folder, `${options.name}-${index}.${index === 0 ? kind : 'qcow2'}`),
    );
    this.serialFile = join(folder, `${options.name}.serial`);
    for (const disk of this.disks) {
      if (options.image !== undefined && disk.endsWith('.raw')) must('cp', '--sparse=always', options.image, disk);
      else must('qemu-img', 'create', '-q', '-f', 'qcow2', disk, `${options.diskGiB ?? 10}G`);
    }
    if (options.firmware === 'uefi') copyFileSync(OVMF_VARS, this.#vars);
  }

  get #vars(): string {
    return join(this.#folder, `${this.options.name}.vars`);
  }

  get #qmp(): string {
    return join(this.#folder, `${this.options.name}.qmp`);
  }

  get #console(): string {
    return join(this.#folder, `${this.options.name}.console`);
  }

  get on(): boolean {
    return this.#process !== undefined && this.#process.exitCode === null && this.#process.signalCode === null;
  }

  get process(): ChildProcess | undefined {
    return this.#process;
  }

  #arguments(fromDisk: boolean): string[] {
    const { firmware, mac, furtherMacs = [], memoryMiB = 2048, processors = 1, networkRom = true } = this.options;
    const { directBoot, keyboard = false } = this.options;
    const uefi = firmware === 'uefi';
    const direct = directBoot !== undefined && !fromDisk;
    return [
      ...['-name', this.options.name, '-nodefaults', '-no-user-config', '-display', 'none'],
      // graphics=off: SeaBIOS and its iPXE speak on the serial port. KVM hangs on this kind of host; -cpu max is fine.
      ...['-machine', 'q35,graphics=off', '-accel', 'tcg,thread=multi', '-cpu', 'max', '-smp', String(processors)],
      ...['-m', String(memoryMiB), '-device', 'virtio-rng-pci', '-uuid', this.uuid],
      ...['-smbios', `type=1,manufacturer=Ironwake,product=Lab,serial=LAB-${this.options.name}`],
      '-chardev',
      keyboard
        ? `socket,id=serial,path=${this.#console},server=on,wait=off,logfile=${this.serialFile},logappend=on`
        : `file,id=serial,path=${this.serialFile},append=on`,
      ...['-serial', 'chardev:serial'],
      ...['-qmp', `unix:${this.#qmp},server=on,wait=off`],
      ...(direct ? [] : ['-action', 'reboot=shutdown']),
      ...[mac, ...furtherMacs].flatMap((address, index) => [
        ...['-netdev', `tap,id=net${index},ifname=${this.#taps[index]},script=no,downscript=no`],
        '-device',
        // OVMF takes a card's option ROM where there is one, and QEMU's is an iPXE: without it OVMF's own PXE is what boots.
        `virtio-net-pci,netdev=net${index},id=card${index},mac=${address}${index > 0 ? '' : ',bootindex=1'}${uefi || !networkRom || index > 0 ? ',romfile=' : ''}`,
      ]),
      ...this.disks.flatMap((disk, index) => [
        ...['-drive', `if=none,id=disk${index},file=${disk},format=${disk.split('.').at(-1)},cache=unsafe`],
        ...['-device', `virtio-blk-pci,drive=disk${index},bootindex=${2 + index}`],
      ]),
      ...(uefi
        ? [
            // Its attempts over IPv6, which this lab does not have, cost a minute of every boot.
            ...['-fw_cfg', 'name=opt/org.tianocore/IPv6PXESupport,string=n'],
            ...['-drive', `if=pflash,unit=0,format=raw,readonly=on,file=${OVMF_CODE}`],
            ...['-drive', `if=pflash,unit=1,format=raw,file=${this.#vars}`],
          ]
        : []),
      ...(direct
        ? ['-kernel', directBoot.kernel, '-initrd', directBoot.initrd, '-append', directBoot.append, '-no-reboot']
        : []),
    ];
  }

  /** Switches the machine on. `fromDisk` leaves a direct boot out. */
  powerOn({ fromDisk = false }: { readonly fromDisk?: boolean } = {}): void {
    if (this.on) throw new Error(`${this.options.name} is on already`);
    this.#start(fromDisk);
  }

  /**
   * A machine that restarts, by itself or by its button, gets a new process: as a real one it begins anew, and what QEMU has translated of the
   * system before would make every write of OVMF next to it slow (minutes).
   */
  #start(fromDisk: boolean): void {
    const [command = '', ...args] = this.#namespace.command(['qemu-system-x86_64', ...this.#arguments(fromDisk)]);
    const log = openSync(join(this.#folder, `${this.options.name}.qemu`), 'a');
    const child = spawn(command, args, { stdio: ['ignore', log, log] });
    closeSync(log);
    this.#process = child;
    this.#keyboard = undefined;
    let restarts = false;
    child.once('exit', () => {
      if (restarts) this.#start(fromDisk);
    });
    this.#monitor = Monitor.connect(
      this.#qmp,
      () => this.#process === child && this.on,
      (reason) => {
        restarts = reason.endsWith('reset');
      },
    );
  }

  /** Pulls the plug: what the guest has not written is lost. */
  async powerOff(): Promise<void> {
    const child = this.#process;
    if (child === undefined || !this.on) return;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  }

  /** Resolves when the machine switches itself off. */
  async untilOff(timeoutMs: number): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (this.on) {
      if (Date.now() > deadline) throw new Error(`${this.options.name} is still on\n${this.tail()}`);
      await delay(100);
    }
  }

  /** The reset button. What the serial port showed before is behind the next wait. */
  async reset(): Promise<void> {
    this.#consumed = existsSync(this.serialFile) ? statSync(this.serialFile).size : 0;
    const monitor = await this.#monitor;
    monitor?.send('system_reset');
  }

  /** Puts the cable of a card in or pulls it out; 0 is the first card. After power on every cable is in. */
  async plug(card: number, connected: boolean): Promise<void> {
    const monitor = await this.#monitor;
    monitor?.send('set_link', { name: `card${card}`, up: connected });
  }

  /** Types a line on the serial console, and Enter. */
  async type(line: string): Promise<void> {
    if (this.#keyboard === undefined) {
      const socket = createConnection(this.#console);
      await once(socket, 'connect');
      // What the machine shows is read from the log; the connection ends with QEMU.
      socket.on('error', () => undefined);
      socket.resume();
      this.#keyboard = socket;
    }
    this.#keyboard.write(`${line}\n`);
  }

  /** Everything that came out of the serial port since the machine was made. */
  serial(): string {
    return existsSync(this.serialFile) ? readFileSync(this.serialFile, 'latin1') : '';
  }

  /** The end of it, without terminal sequences, for messages. */
  tail(lines = 25): string {
    // biome-ignore lint/complexity/useRegexLiterals: the escape character reads better by name
    const sequences = new RegExp('\\x1b\\[[0-9;?]*[A-Za-z]|\\x1b[()][A-Z0-9]|\\r', 'g');
    return this.serial().replace(sequences, '').split('\n').slice(-lines).join('\n');
  }

  /**
   * Waits until the serial port shows `pattern`, looking behind what an earlier wait matched.
   * @throws Error when the time is over, `unless` appears before it, or the machine is off; with the end of the output
   */
  async waitFor(
    pattern: RegExp,
    {
      timeoutMs = 600_000,
      unless = /Installation aborted|Kernel panic/,
    }: { readonly timeoutMs?: number; readonly unless?: RegExp } = {},
  ): Promise<RegExpExecArray> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const running = this.on;
      const fresh = this.#readFrom(this.#consumed);
      const found = pattern.exec(fresh);
      if (found !== null) {
        this.#consumed += found.index + found[0].length;
        return found;
      }
      const bad = unless.exec(fresh);
      if (bad !== null) throw new Error(`${this.options.name}: "${bad[0]}" before ${pattern}\n${this.tail()}`);
      if (!running) throw new Error(`${this.options.name} went off before ${pattern}\n${this.tail()}`);
      if (Date.now() > deadline) throw new Error(`${this.options.name}: no ${pattern} in time\n${this.tail()}`);
      await delay(100);
    }
  }

  #readFrom(offset: number): string {
    if (!existsSync(this.serialFile)) return '';
    const size = statSync(this.serialFile).size;
    const bytes = Buffer.alloc(Math.max(0, size - offset));
    const file = openSync(this.serialFile, 'r');
    try {
      readSync(file, bytes, 0, bytes.length, offset);
    } finally {
      closeSync(file);
    }
    return bytes.toString('latin1');
  }
}

/** Boot scripts: text for a loader, rendered from templates/boot. The templates hold no logic; every value goes through `ipxe`. */
import { readFileSync } from 'node:fs';
import Handlebars from 'handlebars';
import { IronwakeError } from '../errors.ts';

/**
 * A value inside an iPXE script line. iPXE has no quoting: a line break would start a command, `${` a setting, `||`, `&&` and `#` would cut the
 * line. So only what is harmless passes; for everything else there is no right way to write it.
 * @throws IronwakeError `boot.unsafe-value`
 */
export function ipxeText(value: unknown): string {
  const text = String(value);
  if (/[^\x20-\x7e]/.test(text) || /\$\{|\|\||&&|(^|\s)#/.test(text)) {
    throw new IronwakeError({
      kind: 'invalid',
      code: 'boot.unsafe-value',
      message: `a boot script cannot hold the value ${JSON.stringify(text.slice(0, 80))}`,
      remedy:
        'Use printable ASCII without ${, ||, && and # (kernel arguments come from the profile, install.kernelArgs).',
    });
  }
  return text;
}

const engine = Handlebars.create();
engine.registerHelper('ipxe', ipxeText);

const template = (file: string): string =>
  readFileSync(new URL(`../../templates/boot/${file}`, import.meta.url), 'utf8');

function compile<V>(file: string): (values: V) => string {
  let script: Handlebars.TemplateDelegate<V> | undefined;
  return (values) => {
    if (!Object.hasOwn(engine.partials, 'machine')) engine.registerPartial('machine', template('machine.ipxe.hbs'));
    script ??= engine.compile<V>(template(file), { strict: true });
    return script(values);
  };
}

export interface InstallScriptValues {
  readonly fqdn: string;
  readonly media: string;
  readonly kernelUrl: string;
  readonly initrdUrl: string;
  readonly kernelArguments: string;
  /** For the screen: `1.6 GiB`. */
  readonly imageSize: string;
}

/** The script that fetches kernel and wrapped initrd and starts the installer. */
export const renderInstallScript = compile<InstallScriptValues>('install.ipxe.hbs');

export interface LocalDiskScriptValues {
  /** Under which the timeline says why. */
  readonly reference: string;
  /** Where the machine may say what it is. */
  readonly machineUrl: string;
}

/** The script that goes on to the local disk. */
export const renderLocalDiskScript = compile<LocalDiskScriptValues>('local-disk.ipxe.hbs');

/**
 * The kernel's command line for the automated installer (proxmox-auto-install.md 3.3). `initrd=` is needed by old iPXE on UEFI, which passes
 * only the file that it names. Words starting with `proxmox-` are taken off again by the installer, everything else stays on the node.
 */
export function kernelArguments(extra: readonly string[]): string {
  return [
    'ramdisk_size=16777216',
    'rw',
    'quiet',
    'splash=silent',
    'proxmox-start-auto-installer',
    ...extra,
    'initrd=initrd.img',
  ].join(' ');
}

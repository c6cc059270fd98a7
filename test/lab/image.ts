/** The stand-in installer image, built when its content is not in the cache yet. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export type StandInRelease = '9.2' | '8.4';

/**
 * Path of the image; about two minutes for the first one, milliseconds afterwards.
 * @param keyring public key of the lab's mirror, which takes the vendor's place on the installed node
 * @throws Error with the end of what the builder printed
 */
export function standInImage(
  options: { readonly release?: StandInRelease; readonly keyring?: string } = {},
): Promise<string> {
  const builder = fileURLToPath(new URL('image/build.sh', import.meta.url));
  const args = [
    '--release',
    options.release ?? '9.2',
    ...(options.keyring === undefined ? [] : ['--keyring', options.keyring]),
  ];
  return new Promise((resolve, reject) => {
    const child = spawn(builder, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let path = '';
    let log = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      path += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      log = (log + text).slice(-4000);
    });
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(path.trim());
      else reject(new Error(`the stand-in image was not built:\n${log}`));
    });
  });
}

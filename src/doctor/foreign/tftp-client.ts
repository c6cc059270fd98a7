/**
 * Fetches a file by TFTP with the tftp2 package and prints its size and SHA-256. The package waits for ever after an ERROR or a lost packet and
 * dies of a short datagram: the caller gives this process a time limit. Arguments: address, port, file.
 */
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';

/** The part of tftp2 that is used, as its source has it. */
type Tftp2 = (
  host: string,
  port: number,
) => {
  read(file: string, push: (data: Buffer) => Promise<void>, done: () => void): Promise<void>;
  close(): void;
};

const tftp = createRequire(import.meta.url)('tftp2') as Tftp2;
const [address = '', port = '69', file = ''] = process.argv.slice(2);
const hash = createHash('sha256');
let bytes = 0;
const client = tftp(address, Number(port));
await client.read(
  file,
  async (data) => {
    hash.update(data);
    bytes += data.length;
  },
  () => {},
);
client.close();
process.stdout.write(JSON.stringify({ bytes, sha256: hash.digest('hex') }));

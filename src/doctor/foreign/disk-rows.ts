/** Prints the mounted disks as the node-disk-info package sees them (`df -P`). Its asynchronous function blocks, for ever on a dead network file system: hence a process. */
import { createRequire } from 'node:module';

interface DiskInfo {
  getDiskInfoSync(): ReadonlyArray<{
    readonly filesystem: string;
    readonly blocks: number;
    readonly used: number;
    readonly available: number;
    readonly capacity: string;
    readonly mounted: string;
  }>;
}

const diskInfo = createRequire(import.meta.url)('node-disk-info') as DiskInfo;
const rows = diskInfo
  .getDiskInfoSync()
  .map(({ available, filesystem, mounted, used }) => ({ filesystem, mounted, used, available }));
process.stdout.write(JSON.stringify(rows));

/** Whether the disks have room: what the node-disk-info package lists, and statfs for the data directory, where images of gigabytes go. */
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { messageOf } from '../errors.ts';
import { type Finding, ok, problem, warning } from './finding.ts';
import { runForeign } from './tool.ts';

/** A mounted disk. */
export interface DiskRow {
  readonly filesystem: string;
  /** Cut at a blank by the package. */
  readonly mounted: string;
  /** KiB. */
  readonly used: number;
  /** KiB that are left for users. */
  readonly available: number;
}

export interface Space {
  /** Bytes. */
  readonly used: number;
  readonly available: number;
}

const GIB = 1024 ** 3;
const WARNING_PERCENT = 85;
const PROBLEM_PERCENT = 95;
/** An installer image has 1.5 GiB, and the database needs to breathe. */
const LEAST_BYTES = 2 * GIB;
const LIMIT_MS = 15_000;

export async function checkDisks(dataDir: string): Promise<Finding[]> {
  const findings: Finding[] = [];
  try {
    findings.push(judgeSpace(dataDir, await spaceOf(dataDir)));
  } catch (error) {
    findings.push(
      warning(
        'disk',
        'disk.unknown',
        `the space in ${dataDir} cannot be told (${messageOf(error)})`,
        'Check the path (--data-dir).',
      ),
    );
  }
  const listed = await runForeign('disk-rows', [], LIMIT_MS);
  if (listed.ok) findings.push(...judgeRows(listed.value as readonly DiskRow[]));
  else
    findings.push(
      warning(
        'disk',
        'disk.no-list',
        `the mounted disks could not be listed (${listed.reason})`,
        'A network file system may hang: df -P shows which.',
      ),
    );
  return findings;
}

/** Of the directory, or of the nearest one above it that exists. */
async function spaceOf(directory: string): Promise<Space> {
  for (let path = directory; ; path = dirname(path)) {
    const found = await statfs(path).catch((error: unknown) => {
      if (path === dirname(path)) throw error;
      return undefined;
    });
    if (found !== undefined)
      return { used: (found.blocks - found.bfree) * found.bsize, available: found.bavail * found.bsize };
  }
}

/** Percent in use, as df counts: blocks that are reserved for root are neither used nor free. */
export function percentOf({ available, used }: Space): number {
  return used + available === 0 ? 0 : Math.ceil((100 * used) / (used + available));
}

/** Pure: the file system of the data directory. */
export function judgeSpace(directory: string, space: Space): Finding {
  const percent = percentOf(space);
  const text = `${directory}: ${percent} % in use, ${(space.available / GIB).toFixed(1)} GiB free`;
  const remedy = 'Remove images that no profile needs, or move the data directory to a larger disk (--data-dir).';
  if (percent > PROBLEM_PERCENT || space.available < LEAST_BYTES) return problem('disk', 'disk.full', text, remedy);
  if (percent > WARNING_PERCENT) return warning('disk', 'disk.nearly-full', text, remedy);
  return ok('disk', 'disk.room', text);
}

/** Pure: other disks of this host that are nearly full. Memory file systems, read-only images and snapshots are left out. */
export function judgeRows(rows: readonly DiskRow[]): Finding[] {
  const seen = new Set<string>();
  return rows.flatMap(({ available, filesystem, mounted, used }) => {
    if (!/^\/dev\/(?!loop|sr\d)/.test(filesystem) || seen.has(filesystem)) return [];
    seen.add(filesystem);
    const percent = percentOf({ used, available });
    if (percent <= PROBLEM_PERCENT) return [];
    return [
      warning(
        'disk',
        'disk.other-full',
        `${filesystem} on ${mounted} is ${percent} % in use`,
        `Make room there: du -xh ${mounted} | sort -h | tail.`,
      ),
    ];
  });
}

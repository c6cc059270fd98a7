/** SQLite's result codes in the administrator's words. */
import { IronwakeError, messageOf, systemCode } from '../errors.ts';

interface Words {
  readonly code: string;
  readonly what: (path: string) => string;
  readonly remedy: (path: string) => string;
}

const checkDirectory = (path: string): string =>
  `Give the directory of ${path} to the user that runs the daemon, or choose another one with --data-dir.`;

/** By the primary result code (https://sqlite.org/rescode.html); extended ones (`SQLITE_BUSY_SNAPSHOT`) start with it. */
const WORDS: ReadonlyArray<readonly [string, Words]> = [
  [
    'SQLITE_BUSY',
    {
      code: 'store.locked',
      what: (path) => `The database ${path} is locked by another process`,
      remedy: () => 'Stop the other ironwake daemon or the program that has the file open, then try again.',
    },
  ],
  [
    'SQLITE_LOCKED',
    {
      code: 'store.locked',
      what: (path) => `The database ${path} is locked by another process`,
      remedy: () => 'Stop the other ironwake daemon or the program that has the file open, then try again.',
    },
  ],
  [
    'SQLITE_NOTADB',
    {
      code: 'store.corrupt',
      what: (path) => `${path} is not a database`,
      remedy: (path) => `Restore ${path} from a backup, or move it away to start with an empty one.`,
    },
  ],
  [
    'SQLITE_CORRUPT',
    {
      code: 'store.corrupt',
      what: (path) => `The database ${path} is damaged`,
      remedy: (path) => `Restore ${path} from a backup, or move it away to start with an empty one.`,
    },
  ],
  [
    'SQLITE_CANTOPEN',
    { code: 'store.unwritable', what: (path) => `The database ${path} cannot be opened`, remedy: checkDirectory },
  ],
  [
    'SQLITE_READONLY',
    { code: 'store.unwritable', what: (path) => `The database ${path} cannot be written`, remedy: checkDirectory },
  ],
  [
    'SQLITE_FULL',
    {
      code: 'store.disk-full',
      what: (path) => `The disk that holds ${path} is full`,
      remedy: () => 'Free space on it (old images are in DATA/media), then try again.',
    },
  ],
  [
    'SQLITE_IOERR',
    {
      code: 'store.disk-error',
      what: (path) => `Reading or writing ${path} failed`,
      remedy: () => 'Look at the disk and its free space (dmesg, df), then start the daemon again.',
    },
  ],
];

/** Errors of the file system on the way to the file. */
const FILE_CODES: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOENT', 'ENOTDIR', 'EISDIR', 'EEXIST']);

/** What the system says of files that are written beside the database, in SQLite's words for the same. */
const AS_SQLITE: ReadonlyMap<string, string> = new Map([
  ['ENOSPC', 'SQLITE_FULL'],
  ['EDQUOT', 'SQLITE_FULL'],
  ['EIO', 'SQLITE_IOERR'],
]);

/** The IronwakeError for a failure of the database at `path`; what is not known (a defect of ours) is handed back as it is. */
export function storeFailure(error: unknown, path: string): unknown {
  if (error instanceof IronwakeError) return error;
  const said = systemCode(error);
  if (said === undefined) return error;
  const code = AS_SQLITE.get(said) ?? said;
  if (FILE_CODES.has(code)) {
    return new IronwakeError({
      kind: 'unavailable',
      code: 'store.unwritable',
      message: `The database ${path} cannot be opened (${code})`,
      remedy: checkDirectory(path),
      cause: error,
    });
  }
  const words = WORDS.find(([prefix]) => code.startsWith(prefix))?.[1];
  if (words === undefined) return error;
  return new IronwakeError({
    kind: 'unavailable',
    code: words.code,
    message: `${words.what(path)} (${messageOf(error)})`,
    remedy: words.remedy(path),
    cause: error,
  });
}

/** Whether a unique index or primary key refused a row, and if `column` (`run.node_id`) is named, whether it was that one. */
export function isUniqueViolation(error: unknown, column: string): boolean {
  const code = systemCode(error);
  return (
    (code === 'SQLITE_CONSTRAINT_UNIQUE' || code === 'SQLITE_CONSTRAINT_PRIMARYKEY') &&
    messageOf(error).includes(column)
  );
}

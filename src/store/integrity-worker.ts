/** The thread of integrity.ts: opens the file for reading, asks SQLite, answers once. */
import { parentPort, workerData } from 'node:worker_threads';
import Database from 'better-sqlite3';

export interface CheckRequest {
  readonly path: string;
  readonly depth: 'quick' | 'full';
}

export interface CheckReply {
  /** What SQLite finds wrong first; undefined when the file is sound. */
  readonly wrong: string | undefined;
}

const { path, depth } = workerData as CheckRequest;

function check(): CheckReply {
  const database = new Database(path, { readonly: true, fileMustExist: true });
  try {
    const result: unknown = database
      .prepare(depth === 'quick' ? 'pragma quick_check(1)' : 'pragma integrity_check(1)')
      .pluck()
      .get();
    return { wrong: result === 'ok' ? undefined : String(result) };
  } finally {
    database.close();
  }
}

let reply: CheckReply;
try {
  reply = check();
} catch (error) {
  reply = { wrong: error instanceof Error ? error.message : String(error) };
}
parentPort?.postMessage(reply);

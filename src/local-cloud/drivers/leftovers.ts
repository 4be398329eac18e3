/**
 * Finds programs that an earlier run of the cloud left behind and proves that they are its own before anything is
 * killed. Two proofs count: the leader of a recorded group started at the recorded instant (a reused pid has another
 * start), or a program carries this data folder's mark in its environment (which also finds children that moved into
 * a group of their own). Linux is read from /proc, because small images of Linux lack `ps`; elsewhere `ps` is asked.
 */
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const onLinux = process.platform === 'linux';
let bootId: Promise<string> | undefined;

/** What tells this program from a later one with the same pid; undefined when there is no such program. */
export async function programStart(pid: number): Promise<string | undefined> {
  if (!onLinux) {
    const lines = await ps(['-o', 'lstart=', '-p', String(pid)]);
    return lines[0]?.trim() || undefined;
  }
  const stat = await optional(readFile(`/proc/${pid}/stat`, 'latin1'));
  // The second field, the name, may itself hold spaces and parentheses: fields are counted from its end.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (!fields || fields[0] === 'Z') return undefined;
  bootId ??= readFile('/proc/sys/kernel/random/boot_id', 'latin1');
  return `${(await bootId).trim()} ${fields[19]}`;
}

/** Pids of programs, other than this one, whose environment holds a variable that begins with `mark`. */
export async function programsMarked(mark: string): Promise<number[]> {
  if (!onLinux) {
    const lines = await ps(['-A', '-E', '-ww', '-o', 'pid=,command=']);
    return lines.filter((line) => line.includes(` ${mark}`)).map((line) => Number.parseInt(line, 10));
  }
  const pids: number[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    const environment = await optional(readFile(`/proc/${name}/environ`, 'latin1'));
    if (environment && `\0${environment}`.includes(`\0${mark}`)) pids.push(Number(name));
  }
  return pids;
}

async function ps(options: string[]): Promise<string[]> {
  const answer = await optional(run('ps', options, { maxBuffer: 64 * 1024 * 1024 }));
  return answer?.stdout.split('\n').filter((line) => line.trim() !== '') ?? [];
}

/** A program may end, or belong to somebody else, at any moment while it is looked at: then there is nothing to read. */
async function optional<T>(reading: Promise<T>): Promise<T | undefined> {
  return reading.catch(() => undefined);
}

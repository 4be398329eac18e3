/**
 * What Linux says of processes: how much memory and how many open files one has, and which belong to a run, by the folder
 * that their command line, environment or open files name. Elsewhere nothing is known.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

const PAGE_BYTES = 4096;

export interface Usage {
  readonly residentBytes: number;
  /** Sockets, files and pipes. */
  readonly descriptors: number;
}

/** Undefined where the process is gone, or nothing is known. */
export function usageOf(pid: number): Usage | undefined {
  const pages = read(`/proc/${pid}/statm`)?.split(' ')[1];
  const descriptors = list(`/proc/${pid}/fd`);
  if (pages === undefined || descriptors === undefined) return undefined;
  return { residentBytes: Number(pages) * PAGE_BYTES, descriptors: descriptors.length };
}

/** Processes that name the folder, but for this one: `<pid> <command line>`. */
export function processesOf(folder: string): string[] {
  const pids = (list('/proc') ?? []).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  return pids.flatMap((pid) => {
    const command = read(`/proc/${pid}/cmdline`);
    if (command === undefined) return [];
    const said = [command, read(`/proc/${pid}/environ`), link(`/proc/${pid}/cwd`)];
    const files = (list(`/proc/${pid}/fd`) ?? []).map((name) => link(`/proc/${pid}/fd/${name}`));
    const names = [...said, ...files].some((text) => text?.includes(folder));
    return names ? [`${pid} ${command.replaceAll('\0', ' ').trim()}`] : [];
  });
}

/** A process may end while it is looked at. */
function orGone<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}

const read = (path: string) => orGone(() => readFileSync(path, 'utf8'));
const list = (path: string) => orGone(() => readdirSync(path));
const link = (path: string) => orGone(() => readlinkSync(path));

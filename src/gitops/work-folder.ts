/**
 * Where repositories and credentials lie for the seconds that they are needed: a folder for this run alone, readable by
 * us alone, removed at its end. What a killed run left is removed by the next one, credentials among it.
 */
import { lstat, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

export interface WorkFolder {
  /** For attempts. */
  readonly path: string;
  /** An empty folder to call home. */
  readonly home: string;
  readonly remove: () => Promise<void>;
}

/** @throws Error when the folder cannot be made, or is somebody else's */
export async function openWorkFolder(parent: string, pid: number): Promise<WorkFolder> {
  await mkdir(parent, { recursive: true, mode: 0o700 });
  await requireOwn(parent);
  await removeLeftovers(parent, pid);
  const path = await mkdtemp(join(parent, `run-${pid}-`));
  const home = join(path, 'home');
  await mkdir(home, { mode: 0o700 });
  return { path, home, remove: () => rm(path, { recursive: true, force: true }) };
}

/** In a folder for temporary files anybody could have put something in its place before us. */
async function requireOwn(path: string): Promise<void> {
  const found = await lstat(path);
  const uid = process.getuid?.();
  if (found.isDirectory() && (uid === undefined || found.uid === uid)) return;
  throw new Error(`${path} is not a folder of our own; remove it, or set LAMBDACONTAINER_GIT_DIR to another`);
}

/** Folders of processes that are gone. Our own number is another's from before: nothing of ours is older than we are. */
async function removeLeftovers(parent: string, pid: number): Promise<void> {
  for (const name of await readdir(parent)) {
    const owner = Number(/^run-(\d+)-/.exec(name)?.[1] ?? Number.NaN);
    if (Number.isNaN(owner) || (owner !== pid && isAlive(owner))) continue;
    await rm(join(parent, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives and belongs to somebody else.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

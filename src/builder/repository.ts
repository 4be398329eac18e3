/**
 * A commit of a git repository as a folder to build in: that commit alone, fetched by the machine's git, without
 * hooks, submodules or anything that could ask a question. Which commit was decided by the controller.
 */
import { realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { UserError } from '../core/index.ts';
import { type BuildDeps, timed } from './deps.ts';
import type { CodeSource } from './order.ts';

type Repository = Extract<CodeSource, { type: 'repository' }>;

/** @throws UserError when the commit cannot be had, or context or Dockerfile are not in it */
export async function checkedOut(
  { url, commit, context, dockerfile }: Repository,
  deps: BuildDeps,
): Promise<{ context: string; dockerfile: string }> {
  const folder = join(deps.folder, 'repository');
  await timed(
    deps,
    async () => {
      await deps.git(['init', '--quiet', folder]);
      await deps.git(['-C', folder, 'fetch', '--quiet', '--depth', '1', '--no-tags', url, commit]);
      await deps.git(['-C', folder, 'checkout', '--quiet', '--detach', commit]);
    },
    () => `fetched ${commit} of ${url}`,
  );
  const root = await realpath(folder);
  const place = await inside(root, join(folder, context), `context '${context}'`);
  return { context: place, dockerfile: await inside(root, join(place, dockerfile), `Dockerfile '${dockerfile}'`) };
}

/** A symbolic link of the repository must not lead a build out of it. */
async function inside(root: string, path: string, what: string): Promise<string> {
  const real = await realpath(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') throw new UserError(`the repository has no ${what}`);
    throw error;
  });
  if (real !== root && !real.startsWith(root + sep)) throw new UserError(`${what} leads out of the repository`);
  return real;
}

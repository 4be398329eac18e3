/**
 * A commit of a git repository as a folder to build in: that commit alone, fetched by the machine's git, without
 * hooks, submodules or anything that could ask a question. Which commit was decided by the controller. Credentials reach
 * git in the environment of its fetch and nothing else: no argument, no file that stays, no configuration of the folder.
 */
import { realpath, rm, writeFile } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { gitLogin, httpLoginOf } from '../aws/index.ts';
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
      await fetched(['-C', folder, 'fetch', '--quiet', '--depth', '1', '--no-tags', url, commit], url, deps);
      await deps.git(['-C', folder, 'checkout', '--quiet', '--detach', commit]);
    },
    () => `fetched ${commit} of ${url}`,
  );
  const root = await realpath(folder);
  const place = await inside(root, join(folder, context), `context '${context}'`);
  return { context: place, dockerfile: await inside(root, join(place, dockerfile), `Dockerfile '${dockerfile}'`) };
}

async function fetched(argv: readonly string[], url: string, deps: BuildDeps): Promise<void> {
  const { gitSecret } = deps;
  if (gitSecret === undefined) return deps.git(argv);
  const login = httpLoginOf(gitSecret);
  if (login.defect !== undefined) {
    throw new UserError(`the secret for ${url} (class: spec.build.gitCredentials) ${login.defect}`);
  }
  const { caCertificate } = login.found;
  const authorities = join(deps.folder, 'git-authorities.pem');
  const { config, env } = gitLogin(new URL(url).origin, login.found);
  // An answer that leads elsewhere is refused, as it is where the branch is asked for.
  const settings = Object.entries({ 'credential.helper': '', ...config, 'http.followRedirects': 'false' });
  try {
    if (caCertificate !== undefined) await writeFile(authorities, caCertificate, { mode: 0o600 });
    await deps.git(argv, {
      ...env,
      ...Object.fromEntries(
        settings.flatMap(([name, value], index) => [
          [`GIT_CONFIG_KEY_${index}`, name],
          [`GIT_CONFIG_VALUE_${index}`, value],
        ]),
      ),
      GIT_CONFIG_COUNT: String(settings.length),
      ...(caCertificate === undefined ? {} : { GIT_SSL_CAINFO: authorities }),
    });
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(
      `${error.message}; ${url} was asked with the credentials of the class (spec.build.gitCredentials)`,
    );
  } finally {
    await rm(authorities, { force: true });
  }
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

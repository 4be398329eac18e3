/** A repository as a team has one: a bare one that is served, and a work tree that is committed in and pushed from. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface CommitOptions {
  readonly branch?: string;
  readonly force?: boolean;
  /** Arguments of `git -c` for signing, and `-S`. */
  readonly sign?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export class Origin {
  readonly bare: string;
  readonly work: string;
  readonly url: string;
  readonly #home: string;

  constructor(folder: string) {
    this.bare = join(folder, 'origin.git');
    this.work = join(folder, 'work');
    this.url = `file://${this.bare}`;
    this.#home = folder;
    mkdirSync(folder, { recursive: true });
    this.#git(folder, ['init', '--quiet', '--bare', '--initial-branch=main', this.bare]);
    this.#git(folder, ['init', '--quiet', '--initial-branch=main', this.work]);
    this.git('config', 'user.name', 'A Tester');
    this.git('config', 'user.email', 'tester@example.com');
  }

  /** In the work tree. */
  git(...args: string[]): string {
    return this.#git(this.work, args);
  }

  inBare(...args: string[]): string {
    return this.#git(this.bare, args);
  }

  /** Writes files (undefined removes one), commits and pushes. Returns the commit. */
  commit(files: Readonly<Record<string, string | Uint8Array | undefined>>, options: CommitOptions = {}): string {
    for (const [path, content] of Object.entries(files)) {
      const target = join(this.work, path);
      if (content === undefined) rmSync(target, { recursive: true, force: true });
      else {
        if (!existsSync(dirname(target))) mkdirSync(dirname(target), { recursive: true });
        writeFileSync(target, content);
      }
    }
    this.git('add', '--all');
    const sign = options.sign ?? [];
    this.#git(
      this.work,
      [...sign, 'commit', '--quiet', '--allow-empty', ...(sign.length > 0 ? ['-S'] : []), '--message', 'change'],
      options.env,
    );
    return this.push(options);
  }

  push({ branch = 'main', force = false }: CommitOptions = {}): string {
    this.git('push', '--quiet', ...(force ? ['--force'] : []), this.bare, `HEAD:refs/heads/${branch}`);
    return this.git('rev-parse', 'HEAD').trim();
  }

  tag(
    name: string,
    options: { annotated?: boolean; sign?: readonly string[]; env?: Readonly<Record<string, string>> } = {},
  ): void {
    const { annotated = false, sign = [] } = options;
    const how =
      sign.length > 0 ? ['--sign', '--message', name] : annotated ? ['--annotate', '--message', name] : ['--no-sign'];
    this.#git(this.work, [...sign, 'tag', ...how, name], options.env);
    this.git('push', '--quiet', '--force', this.bare, `refs/tags/${name}`);
  }

  #git(cwd: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): string {
    return execFileSync('git', args, {
      cwd,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env.PATH ?? '',
        HOME: this.#home,
        GIT_CONFIG_NOSYSTEM: '1',
        GIT_CONFIG_GLOBAL: '/dev/null',
        ...env,
      },
    });
  }
}

/** A manifest that is valid without a class. */
export function container(
  name: string,
  more: { namespace?: string; cpu?: number | string; lines?: string } = {},
): string {
  return [
    'apiVersion: lambdacontainer.dev/v1alpha1',
    'kind: LambdaContainer',
    'metadata:',
    `  name: ${name}`,
    ...(more.namespace === undefined ? [] : [`  namespace: ${more.namespace}`]),
    'spec:',
    `  source: { functionRef: { name: ${name} } }`,
    ...(more.cpu === undefined ? [] : [`  compute: { cpu: ${more.cpu}, memory: 2048 }`]),
    ...(more.lines === undefined ? [] : [more.lines]),
    '',
  ].join('\n');
}

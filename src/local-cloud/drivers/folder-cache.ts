/**
 * Folders that are filled once and then only read: unpacked images, unpacked function code. A folder appears under its
 * final name only when it is complete (filled beside it, then renamed), so a crash leaves at most a temporary folder,
 * which the next start removes. Nothing is ever evicted.
 */
import { access, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Random } from '../../core/index.ts';

const TEMPORARY = '.filling-';

export class FolderCache {
  readonly #folder: string;
  readonly #random: Random;
  readonly #filling = new Map<string, Promise<string>>();
  #swept: Promise<void> | undefined;

  constructor(folder: string, random: Random) {
    this.#folder = folder;
    this.#random = random;
  }

  /**
   * The complete folder of `digest`. Concurrent calls fill it once; when `fill` throws nothing remains, every waiting
   * call fails with its error, and the next call tries anew.
   */
  ensure(digest: string, fill: (folder: string) => Promise<void>): Promise<string> {
    let filling = this.#filling.get(digest);
    if (!filling) {
      filling = this.#fill(digest, fill).finally(() => this.#filling.delete(digest));
      this.#filling.set(digest, filling);
    }
    return filling;
  }

  async #fill(digest: string, fill: (folder: string) => Promise<void>): Promise<string> {
    // A colon separates the elements of PATH, so the folder cannot carry the digest's own.
    const folder = join(this.#folder, digest.replaceAll(':', '-'));
    if (await exists(folder)) return folder;
    this.#swept ??= this.#removeTemporary();
    await this.#swept;
    const temporary = join(this.#folder, `${TEMPORARY}${this.#random.hex(8)}`);
    try {
      await mkdir(temporary);
      await fill(temporary);
      await rename(temporary, folder);
      return folder;
    } catch (error) {
      await rm(temporary, { recursive: true, force: true });
      throw error;
    }
  }

  async #removeTemporary(): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    for (const name of await readdir(this.#folder)) {
      if (name.startsWith(TEMPORARY)) await rm(join(this.#folder, name), { recursive: true, force: true });
    }
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

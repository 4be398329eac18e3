/**
 * Applies image layers to a folder in order: whiteouts, opaque folders, hard and symbolic links. Nothing is ever
 * written outside the folder, whatever the layers contain: parents are resolved as in a chroot, and symbolic links are
 * stored relative and clamped to the folder, so that a program without a chroot stays inside as well. Owners, device
 * nodes and set-id bits are left out: containers here run as the user who started them.
 */
import { createWriteStream } from 'node:fs';
import { chmod, link, lstat, mkdir, readdir, readlink, rm, symlink } from 'node:fs/promises';
import { dirname, join, posix, relative, sep } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import tar, { type Header } from 'tar-stream';
import { UserError } from '../core/index.ts';

/** A layer's bytes: a plain or gzipped tar. */
export interface LayerSource {
  open(): AsyncIterable<Uint8Array>;
}

const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';
const LINKS_MAX = 40;

/**
 * Unpacks the layers, lowest first, into `folder`, which must exist.
 * @throws UserError when a layer is not a tar or a name in it cannot be placed inside the folder
 */
export async function unpack(
  layers: Iterable<LayerSource>,
  folder: string,
  options: { signal?: AbortSignal } = {},
): Promise<void> {
  for (const layer of layers) {
    options.signal?.throwIfAborted();
    await applyLayer(layer, folder, options.signal);
  }
}

async function applyLayer(layer: LayerSource, folder: string, signal: AbortSignal | undefined): Promise<void> {
  const extract = tar.extract();
  const source = Readable.from(plainTar(layer.open()));
  const fed = pipeline(source, extract, signal ? { signal } : {});
  // A stream that broke before its entry was looked at never ends: whoever writes the entry must hear of it.
  const broken = new AbortController();
  fed.catch((error: unknown) => broken.abort(error));
  const changes = new LayerChanges(folder, broken.signal);
  try {
    for await (const entry of extract) {
      await changes.apply(entry.header, entry as unknown as AsyncIterable<Uint8Array>);
      entry.resume();
    }
    await fed;
  } catch (thrown) {
    const error = broken.signal.aborted ? broken.signal.reason : thrown;
    source.destroy();
    if (error instanceof UserError || signal?.aborted || error.syscall !== undefined) throw error;
    throw new UserError(`cannot unpack layer: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** One layer on its way into the folder. */
class LayerChanges {
  readonly #folder: string;
  readonly #broken: AbortSignal;
  /** What this layer itself has put there: its whiteouts do not concern these. */
  readonly #own = new Set<string>();
  /** Where folders really are. Forgotten whenever something that stood there is taken away. */
  readonly #placed = new Map<string, string>();

  constructor(folder: string, broken: AbortSignal) {
    this.#folder = folder;
    this.#broken = broken;
  }

  async apply(header: Header, content: AsyncIterable<Uint8Array>): Promise<void> {
    const path = normal(header.name);
    if (path === '') return;
    const name = posix.basename(path);
    const parent = await this.#place(posix.dirname(path));
    if (name === OPAQUE) return this.#clear(parent);
    if (name.startsWith(WHITEOUT)) {
      const hidden = name.slice(WHITEOUT.length);
      if (hidden === '' || hidden === '.' || hidden === '..') throw new UserError(`invalid whiteout ${path}`);
      return this.#hide(join(parent, hidden));
    }
    const target = join(parent, name);
    if (await this.#put(target, header, content)) this.#own.add(inside(this.#folder, target));
  }

  async #put(target: string, header: Header, content: AsyncIterable<Uint8Array>): Promise<boolean> {
    const mode = (header.mode ?? 0o644) & 0o777;
    switch (header.type) {
      case 'directory':
        if (!(await lstatIfThere(target))?.isDirectory()) {
          await this.#remove(target);
          await mkdir(target);
        }
        // An existing folder keeps what is in it.
        await chmod(target, mode | 0o700);
        return true;
      case 'symlink':
        await this.#remove(target);
        await symlink(clamped(this.#folder, dirname(target), header.linkname ?? ''), target);
        return true;
      case 'link': {
        const linked = normal(header.linkname ?? '');
        const original = join(await this.#place(posix.dirname(linked)), posix.basename(linked));
        if (original === target) return true;
        await this.#remove(target);
        await link(original, target);
        return true;
      }
      case 'file':
      case 'contiguous-file':
        await this.#remove(target);
        // `wx`: what stood there is gone, and nothing may have taken its place.
        await pipeline(content, createWriteStream(target, { flags: 'wx', mode: 0o600 }), { signal: this.#broken });
        await chmod(target, mode | 0o400);
        return true;
      default:
        return false;
    }
  }

  /** The real place of a folder of the image, its symbolic links followed as in a chroot; it exists afterwards. */
  async #place(path: string): Promise<string> {
    const known = this.#placed.get(path);
    if (known !== undefined) return known;
    const waiting = parts(path);
    let resolved: string[] = [];
    for (let links = 0; waiting.length > 0; ) {
      const part = waiting.shift() as string;
      if (part === '..') {
        resolved.pop();
        continue;
      }
      const here = join(this.#folder, ...resolved, part);
      const found = await lstatIfThere(here);
      if (!found?.isSymbolicLink()) {
        if (!found?.isDirectory()) {
          await this.#remove(here);
          await mkdir(here);
        }
        resolved.push(part);
        continue;
      }
      if (++links > LINKS_MAX) throw new UserError(`too many symbolic links under ${path}`);
      const target = await readlink(here);
      if (target.startsWith('/')) resolved = [];
      waiting.unshift(...parts(target));
    }
    const place = join(this.#folder, ...resolved);
    this.#placed.set(path, place);
    return place;
  }

  async #remove(path: string): Promise<void> {
    if (!(await lstatIfThere(path))) return;
    this.#placed.clear();
    await rm(path, { recursive: true, force: true });
  }

  /** Takes away what lower layers put at `path`; what this layer put there or below stays. */
  async #hide(path: string): Promise<void> {
    if (!this.#isOwn(path)) return this.#remove(path);
    if ((await lstatIfThere(path))?.isDirectory()) await this.#clear(path);
  }

  async #clear(path: string): Promise<void> {
    for (const name of await readdir(path)) await this.#hide(join(path, name));
  }

  #isOwn(path: string): boolean {
    const name = inside(this.#folder, path);
    if (this.#own.has(name)) return true;
    for (const made of this.#own) if (made.startsWith(`${name}/`)) return true;
    return false;
  }
}

function parts(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}

function inside(folder: string, path: string): string {
  return relative(folder, path).split(sep).join('/');
}

/** A name from a tar, relative and without `..`; it cannot climb above the root, as in a chroot. */
function normal(name: string): string {
  if (name.includes('\u0000')) throw new UserError(`invalid name in layer: ${JSON.stringify(name)}`);
  return posix.normalize(`/${name}`).replace(/^\/+|\/+$/g, '');
}

/** A link's target as a relative path that stays inside the folder: absolute ones mean the image's root. */
function clamped(folder: string, parent: string, target: string): string {
  if (target === '' || target.includes('\u0000'))
    throw new UserError(`invalid symbolic link in ${inside(folder, parent)}`);
  const here = `/${inside(folder, parent)}`;
  const absolute = posix.normalize(target.startsWith('/') ? target : `${here}/${target}`);
  return posix.relative(here, absolute) || '.';
}

async function lstatIfThere(path: string) {
  try {
    return await lstat(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** Gunzips when the bytes say so, whatever the media type claims. */
async function* plainTar(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const iterator = bytes[Symbol.asyncIterator]();
  let first: Buffer = Buffer.alloc(0);
  while (first.length < 4) {
    const next = await iterator.next();
    if (next.done) break;
    first = Buffer.concat([first, next.value]);
  }
  const rest = async function* () {
    yield first;
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
  };
  if (first.length >= 4 && first.readUInt32LE(0) === 0xfd2fb528) {
    throw new UserError('the layer is compressed with zstd, which this release does not unpack');
  }
  if (first[0] !== 0x1f || first[1] !== 0x8b) return yield* rest();
  const gunzip = createGunzip();
  const fed = pipeline(Readable.from(rest()), gunzip);
  fed.catch(() => {});
  yield* gunzip;
  await fed;
}

/**
 * Deterministic layers: the same entries give the same bytes, and so the same digest, on every machine. Entries are
 * sorted by path, parents are present, owner and time are zero, modes keep only the executable bit. A layer goes to a
 * file when a folder is given (functions of 250 MB), else it stays in memory. It is decoded once while it is written:
 * what does not decode to exactly the tar that was meant is refused, never pushed.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdtemp, open } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { UserError } from '../core/index.ts';
import type { Digest } from './digest.ts';
import { MEMBER_HEAD, memberTail, runsMember, storedMember } from './gzip-members.ts';
import type { Blob } from './image-types.ts';
import { padding, TAR_END, tarHeader } from './tar-header.ts';
import { readZip, type ZipLimits } from './zip.ts';

/** A layer that is ready to be pushed: always `tar+gzip`. */
export interface Layer extends Blob {
  /** Digest of the uncompressed tar. */
  readonly diffId: Digest;
  /** What the image's history says of it. */
  readonly createdBy: string;
}

export type LayerEntry =
  | { readonly type: 'directory'; readonly path: string }
  | { readonly type: 'symlink'; readonly path: string; readonly target: string }
  | { readonly type: 'file'; readonly path: string; readonly executable: boolean; readonly content: FileContent };

/** A file's bytes: in memory, or a deflate stream that is spliced in as it is. */
export type FileContent =
  | { readonly coding: 'none'; readonly size: number; open(): AsyncIterable<Uint8Array> }
  | { readonly coding: 'deflate'; readonly size: number; readonly checksum: number; open(): AsyncIterable<Uint8Array> };

export interface LayerOptions {
  /** Where the layer's file goes; in memory when absent. The caller removes the folder. */
  readonly folder?: string | undefined;
  /** The history line of the image. */
  readonly createdBy?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A regular file entry from bytes or text. */
export function fileEntry(path: string, content: Uint8Array | string, options?: { executable?: boolean }): LayerEntry {
  const bytes = typeof content === 'string' ? Buffer.from(content, 'utf8') : content;
  return {
    type: 'file',
    path,
    executable: options?.executable ?? false,
    content: {
      coding: 'none',
      size: bytes.length,
      async *open() {
        yield bytes;
      },
    },
  };
}

/**
 * A layer from a zip (its bytes or its path) laid under `prefix`. File contents keep the zip's own compression.
 * @throws UserError when the archive is malformed, unsafe (names that leave the prefix, files behind symbolic links)
 * or larger than `limits`
 */
export async function layerFromZip(
  zip: Uint8Array | string,
  options: LayerOptions & { prefix?: string; limits?: ZipLimits } = {},
): Promise<Layer> {
  const prefix = options.prefix ?? '/var/task';
  const archive = await readZip(zip, options.limits);
  try {
    const root = prefix.replace(/^\/+|\/+$/g, '');
    const entries: LayerEntry[] = archive.entries.map((entry) => ({
      ...entry,
      path: root ? `${root}/${entry.path}` : entry.path,
    }));
    if (root) entries.push({ type: 'directory', path: root });
    return await layerFromEntries(entries, {
      ...options,
      createdBy: options.createdBy ?? `lambdacontainer zip ${prefix}`,
    });
  } finally {
    archive.close();
  }
}

/**
 * A layer from entries in any order; missing parent folders are added.
 * @throws UserError on two entries that cannot both exist, and on unsafe paths
 */
export async function layerFromEntries(entries: Iterable<LayerEntry>, options: LayerOptions = {}): Promise<Layer> {
  const sorted = arrange(entries);
  const sink = await openSink(options.folder);
  try {
    const written = await encode(sorted, sink, options.signal);
    return { ...written, createdBy: options.createdBy ?? 'lambdacontainer files', open: () => sink.read() };
  } finally {
    await sink.close();
  }
}

/** Sorted by path, every parent present, the last of two equal paths winning as `unzip` has it. */
function arrange(entries: Iterable<LayerEntry>): LayerEntry[] {
  const byPath = new Map<string, LayerEntry>();
  for (const entry of entries) {
    const path = safePath(entry.path);
    const before = byPath.get(path);
    if (before && (before.type === 'directory') !== (entry.type === 'directory')) {
      throw new UserError(`${path} is both a folder and a file`);
    }
    byPath.set(path, { ...entry, path });
  }
  for (const path of [...byPath.keys()]) {
    for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1)) {
      const parent = path.slice(0, slash);
      const existing = byPath.get(parent);
      if (!existing) byPath.set(parent, { type: 'directory', path: parent });
      else if (existing.type !== 'directory') {
        throw new UserError(
          `${path} lies under ${parent}, which is a ${existing.type === 'symlink' ? 'symbolic link' : 'file'}`,
        );
      }
    }
  }
  return [...byPath.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

function safePath(path: string): string {
  const trimmed = path.replace(/^\/+|\/+$/g, '');
  const parts = trimmed.split('/');
  if (trimmed.includes('\u0000') || parts.some((part) => part === '' || part === '.' || part === '..')) {
    throw new UserError(`unsafe path in layer: ${JSON.stringify(path)}`);
  }
  return parts.join('/');
}

async function* pieces(entries: readonly LayerEntry[]): AsyncGenerator<Uint8Array> {
  // Headers and padding between two contents are one member; each content is a member of its own.
  let glue: Uint8Array[] = [];
  for (const entry of entries) {
    const size = entry.type === 'file' ? entry.content.size : 0;
    glue.push(
      tarHeader({
        path: entry.path,
        type: entry.type,
        executable: entry.type === 'file' && entry.executable,
        size,
        target: entry.type === 'symlink' ? entry.target : undefined,
      }),
    );
    if (entry.type !== 'file' || size === 0) continue;
    yield runsMember(Buffer.concat(glue));
    if (entry.content.coding === 'none') yield* storedMember(entry.content.open());
    else {
      yield MEMBER_HEAD;
      yield* entry.content.open();
      yield memberTail(entry.content.checksum, size);
    }
    glue = [padding(size)];
  }
  yield runsMember(Buffer.concat([...glue, TAR_END]));
}

/** Bytes of the tar that the entries must decode to. */
function tarSize(entries: readonly LayerEntry[]): number {
  let size = TAR_END.length;
  for (const entry of entries) {
    const content = entry.type === 'file' ? entry.content.size : 0;
    const target = entry.type === 'symlink' ? entry.target : undefined;
    size += tarHeader({ path: entry.path, type: entry.type, executable: false, size: content, target }).length;
    size += content + padding(content).length;
  }
  return size;
}

async function encode(
  entries: readonly LayerEntry[],
  sink: Sink,
  signal: AbortSignal | undefined,
): Promise<{ digest: Digest; diffId: Digest; size: number }> {
  const expectedSize = tarSize(entries);
  const blob = createHash('sha256');
  const tar = createHash('sha256');
  let size = 0;
  let decodedSize = 0;
  const written = async function* () {
    for await (const piece of pieces(entries)) {
      blob.update(piece);
      size += piece.length;
      await sink.write(piece);
      yield piece;
    }
  };
  const gunzip = createGunzip();
  const fed = pipeline(Readable.from(written()), gunzip, signal ? { signal } : {});
  // It also ends the loop below, which reports it.
  fed.catch(() => {});
  try {
    for await (const chunk of gunzip as AsyncIterable<Buffer>) {
      decodedSize += chunk.length;
      if (decodedSize > expectedSize) throw corrupt('an entry is larger than the archive says');
      tar.update(chunk);
    }
    await fed;
  } catch (error) {
    if (isZlibError(error)) throw corrupt(error.message);
    throw error;
  }
  if (decodedSize !== expectedSize) throw corrupt('an entry is smaller than the archive says');
  return { digest: `sha256:${blob.digest('hex')}`, diffId: `sha256:${tar.digest('hex')}`, size };
}

function corrupt(detail: string): UserError {
  return new UserError(`corrupt archive: ${detail}`);
}

function isZlibError(error: unknown): error is Error {
  return error instanceof Error && String((error as NodeJS.ErrnoException).code ?? '').startsWith('Z_');
}

interface Sink {
  write(piece: Uint8Array): Promise<void>;
  close(): Promise<void>;
  read(): AsyncIterable<Uint8Array>;
}

async function openSink(folder: string | undefined): Promise<Sink> {
  if (folder === undefined) {
    const held: Uint8Array[] = [];
    return {
      write: async (piece) => {
        held.push(piece);
      },
      close: async () => {},
      async *read() {
        yield Buffer.concat(held);
      },
    };
  }
  const path = join(await mkdtemp(join(folder, 'layer-')), 'layer.tar.gz');
  const file: FileHandle = await open(path, 'wx');
  return {
    write: async (piece) => {
      let offset = 0;
      while (offset < piece.length) offset += (await file.write(piece, offset)).bytesWritten;
    },
    close: () => file.close(),
    read: () => createReadStream(path),
  };
}

/**
 * Reads the central directory of a zip as layer entries without decompressing anything: contents stay where they are
 * and are read when the layer is written. Refuses what could leave the folder it is meant for, what is encrypted or
 * compressed by a method Lambda does not take, and archives beyond the limits.
 */
import { inflateRawSync } from 'node:zlib';
import yauzl from 'yauzl';
import { UserError } from '../core/index.ts';
import type { LayerEntry } from './layer.ts';

export interface ZipLimits {
  /** Uncompressed bytes of all entries. Default 512 MiB: Lambda itself refuses more than 250 MB. */
  readonly bytesMax?: number;
  /** Default 200,000. */
  readonly entriesMax?: number;
}

export interface ZipArchive {
  readonly entries: readonly LayerEntry[];
  /** After this the entries' contents can no longer be read. */
  close(): void;
}

const STORED = 0;
const DEFLATED = 8;
const LINK_TARGET_MAX = 4096;

/** @throws UserError when the archive is malformed, unsafe or beyond the limits */
export async function readZip(zip: Uint8Array | string, limits: ZipLimits = {}): Promise<ZipArchive> {
  const file = await explained(
    typeof zip === 'string'
      ? yauzl.openPromise(zip, { autoClose: false })
      : yauzl.fromBufferPromise(Buffer.from(zip.buffer, zip.byteOffset, zip.length), { autoClose: false }),
  );
  try {
    return { entries: await explained(readEntries(file, limits)), close: () => file.close() };
  } catch (error) {
    file.close();
    throw error;
  }
}

async function readEntries(file: yauzl.ZipFile, limits: ZipLimits): Promise<LayerEntry[]> {
  const bytesMax = limits.bytesMax ?? 512 * 1024 * 1024;
  const entriesMax = limits.entriesMax ?? 200_000;
  if (file.entryCount > entriesMax)
    throw new UserError(`archive has ${file.entryCount} entries, more than ${entriesMax}`);
  const entries: LayerEntry[] = [];
  let bytes = 0;
  // yauzl itself refuses absolute names and `..` parts.
  for await (const entry of file.eachEntry()) {
    bytes += entry.uncompressedSize;
    if (bytes > bytesMax) throw new UserError(`archive is larger than ${bytesMax} bytes uncompressed`);
    const read = await toLayerEntry(file, entry);
    if (read) entries.push(read);
  }
  return entries;
}

async function toLayerEntry(file: yauzl.ZipFile, entry: yauzl.Entry): Promise<LayerEntry | undefined> {
  const path = entry.fileName
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/');
  if (path === '') return undefined;
  if (entry.fileName.endsWith('/')) return { type: 'directory', path };
  if (entry.isEncrypted()) throw new UserError(`${entry.fileName} is encrypted`);
  if (entry.compressionMethod !== STORED && entry.compressionMethod !== DEFLATED) {
    throw new UserError(
      `${entry.fileName} uses compression method ${entry.compressionMethod}; only store and deflate are supported`,
    );
  }
  const mode = unixMode(entry);
  const type = mode & 0o170000;
  if (type === 0o120000) return { type: 'symlink', path, target: await linkTarget(file, entry) };
  if (type !== 0 && type !== 0o100000)
    throw new UserError(`${entry.fileName} is neither a file, a folder nor a symbolic link`);
  return {
    type: 'file',
    path,
    executable: (mode & 0o111) !== 0,
    content: {
      ...(entry.compressionMethod === STORED ? { coding: 'none' } : { coding: 'deflate', checksum: entry.crc32 }),
      size: entry.uncompressedSize,
      async *open() {
        yield* await explained(file.openReadStreamPromise(entry, { decodeFileData: false }));
      },
    },
  };
}

/** The mode that a Unix zip keeps in the upper half; 0 for archives made elsewhere. */
function unixMode(entry: yauzl.Entry): number {
  const madeBy = entry.versionMadeBy >>> 8;
  const UNIX = 3;
  const DARWIN = 19;
  return madeBy === UNIX || madeBy === DARWIN ? entry.externalFileAttributes >>> 16 : 0;
}

async function linkTarget(file: yauzl.ZipFile, entry: yauzl.Entry): Promise<string> {
  if (entry.uncompressedSize > LINK_TARGET_MAX || entry.compressedSize > 2 * LINK_TARGET_MAX) {
    throw new UserError(`the symbolic link ${entry.fileName} has a target of more than ${LINK_TARGET_MAX} bytes`);
  }
  const held: Uint8Array[] = [];
  for await (const chunk of await file.openReadStreamPromise(entry, { decodeFileData: false })) held.push(chunk);
  const raw = Buffer.concat(held);
  const target = (
    entry.compressionMethod === STORED ? raw : inflateRawSync(raw, { maxOutputLength: LINK_TARGET_MAX })
  ).toString('utf8');
  if (target === '' || target.includes('\u0000'))
    throw new UserError(`the symbolic link ${entry.fileName} has no valid target`);
  return target;
}

/** yauzl and zlib throw plain errors for malformed archives: a person's archive is wrong, not the program. */
async function explained<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof UserError || isSystemError(error)) throw error;
    throw new UserError(`invalid zip archive: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** The file could not be read: not the archive's fault. */
function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}

import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import tar from 'tar-stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UserError } from '../../src/core/index.ts';
import { blobOf, digestOf, fileEntry, layerFromEntries, layerFromZip, unpack } from '../../src/oci/index.ts';
import { makeZip } from './make-zip.ts';

const unpackLayers = (layers: readonly { readonly bytes: Uint8Array }[], folder: string) =>
  unpack(
    layers.map(({ bytes }) => blobOf(bytes, digestOf(bytes))),
    folder,
  );

interface Item {
  name: string;
  type?: 'file' | 'directory' | 'symlink' | 'link' | 'fifo' | 'character-device';
  content?: string;
  linkname?: string;
  mode?: number;
}

async function layer(items: readonly Item[], gzip = true): Promise<{ bytes: Uint8Array }> {
  const pack = tar.pack();
  for (const { content, ...header } of items) pack.entry({ ...header }, content ?? '');
  pack.finalize();
  const held: Uint8Array[] = [];
  for await (const chunk of pack as unknown as AsyncIterable<Uint8Array>) held.push(chunk);
  const bytes = Buffer.concat(held);
  return { bytes: gzip ? gzipSync(bytes) : bytes };
}

let outer: string;
let root: string;
beforeEach(async () => {
  outer = await mkdtemp(join(tmpdir(), 'lc-unpack-'));
  root = join(outer, 'rootfs');
  await mkdir(root);
  await writeFile(join(outer, 'secret'), 'untouched');
});
afterEach(async () => {
  // Whatever a layer contained, nothing beside the folder changed.
  expect(await readdir(outer)).toEqual(['rootfs', 'secret']);
  expect(await readFile(join(outer, 'secret'), 'utf8')).toBe('untouched');
  await rm(outer, { recursive: true });
});

const read = (path: string) => readFile(join(root, path), 'utf8');
const apply = async (...layers: (readonly Item[])[]) =>
  unpackLayers(await Promise.all(layers.map((items) => layer(items))), root);

describe('unpack', () => {
  it('lays layers over each other: files replace, folders merge, modes are kept without set-id bits', async () => {
    await apply(
      [
        { name: 'bin/', type: 'directory', mode: 0o555 },
        { name: 'bin/a', content: 'lower', mode: 0o4755 },
        { name: 'etc/x', content: 'x' },
      ],
      [
        { name: './bin/a', content: 'upper', mode: 0o755 },
        { name: '/bin/b', content: 'b', mode: 0o644 },
      ],
    );
    expect(await read('bin/a')).toBe('upper');
    expect(await read('bin/b')).toBe('b');
    expect(await read('etc/x')).toBe('x');
    expect((await stat(join(root, 'bin/a'))).mode & 0o7777).toBe(0o755);
  });

  it('takes plain tars and layers of our own', async () => {
    await unpackLayers([await layer([{ name: 'plain', content: 'p' }], false)], root);
    await unpack([await layerFromEntries([fileEntry('own/run', '#!/bin/sh\n', { executable: true })])], root);
    expect(await read('plain')).toBe('p');
    expect((await stat(join(root, 'own/run'))).mode & 0o777).toBe(0o755);
  });

  it('removes what a whiteout names, and what an opaque folder had below, but nothing of the same layer', async () => {
    await apply(
      [
        { name: 'd/old', content: '1' },
        { name: 'd/sub/old', content: '2' },
        { name: 'e/old', content: '3' },
        { name: 'gone', content: '4' },
        { name: 'kept', content: '5' },
      ],
      [
        { name: 'd/sub/new', content: 'n' },
        { name: 'd/.wh..wh..opq' },
        { name: '.wh.gone' },
        { name: 'e/.wh.never' },
        { name: 'e/new', content: 'n' },
        { name: 'e/.wh.new' },
      ],
    );
    expect(await readdir(root)).toEqual(['d', 'e', 'kept']);
    expect(await readdir(join(root, 'd'), { recursive: true })).toEqual(['sub', 'sub/new']);
    expect((await readdir(join(root, 'e'))).sort()).toEqual(['new', 'old']);
  });

  it('lets a folder replace a file and a file replace a folder', async () => {
    await apply(
      [
        { name: 'a', content: 'file' },
        { name: 'b/c', content: 'in folder' },
      ],
      [
        { name: 'a/', type: 'directory' },
        { name: 'a/x', content: 'x' },
        { name: 'b', content: 'file' },
      ],
    );
    expect(await read('a/x')).toBe('x');
    expect(await read('b')).toBe('file');
  });

  it('follows symbolic links of lower layers inside the folder, as in a chroot', async () => {
    await apply(
      [
        { name: 'usr/bin/', type: 'directory' },
        { name: 'bin', type: 'symlink', linkname: '/usr/bin' },
      ],
      [{ name: 'bin/tool', content: 't' }],
    );
    expect(await read('usr/bin/tool')).toBe('t');
    expect(await readlink(join(root, 'bin'))).toBe('usr/bin');
    expect(await read('bin/tool')).toBe('t');
  });

  it('links hard inside the folder', async () => {
    await apply([
      { name: 'a', content: 'same' },
      { name: 'd/b', type: 'link', linkname: '/a' },
    ]);
    expect((await lstat(join(root, 'a'))).ino).toBe((await lstat(join(root, 'd/b'))).ino);
  });

  it('leaves devices and pipes out', async () => {
    await apply([
      { name: 'dev/null', type: 'character-device' },
      { name: 'p', type: 'fifo' },
      { name: 'f', content: 'f' },
    ]);
    expect(await readdir(root)).toEqual(['dev', 'f']);
    expect(await readdir(join(root, 'dev'))).toEqual([]);
  });

  const hostile: { case: string; layers: Item[][]; lands: string[] }[] = [
    { case: 'a name that climbs', layers: [[{ name: '../secret', content: 'x' }]], lands: ['secret'] },
    { case: 'an absolute name', layers: [[{ name: '/secret', content: 'x' }]], lands: ['secret'] },
    {
      case: 'a file through an absolute link',
      layers: [
        [
          { name: 'out', type: 'symlink', linkname: '/' },
          { name: 'out/secret', content: 'x' },
        ],
      ],
      lands: ['out', 'secret'],
    },
    {
      case: 'a file through a link that climbs',
      layers: [[{ name: 'out', type: 'symlink', linkname: '../..' }], [{ name: 'out/secret', content: 'x' }]],
      lands: ['out', 'secret'],
    },
    {
      case: 'a file over a link',
      layers: [[{ name: 'f', type: 'symlink', linkname: '../secret' }], [{ name: 'f', content: 'x' }]],
      lands: ['f'],
    },
    {
      case: 'a whiteout through a link',
      layers: [[{ name: 'out', type: 'symlink', linkname: '..' }], [{ name: 'out/.wh.secret' }]],
      lands: ['out'],
    },
    { case: 'a whiteout that climbs', layers: [[{ name: 'd/../../.wh.secret' }]], lands: [] },
  ];
  it.each(hostile)('keeps $case inside', async ({ layers, lands }) => {
    await apply(...layers);
    expect((await readdir(root)).sort()).toEqual(lands);
  });

  const refused: { case: string; items: Item[]; message: RegExp }[] = [
    {
      case: 'a link to itself',
      items: [
        { name: 'a', type: 'symlink', linkname: 'a' },
        { name: 'a/b', content: 'x' },
      ],
      message: /too many symbolic links/,
    },
    {
      case: 'a whiteout of the folder itself',
      items: [{ name: 'd/.wh...', content: '' }],
      message: /invalid whiteout/,
    },
  ];
  it.each(refused)('refuses $case', async ({ items, message }) => {
    await expect(apply(items)).rejects.toThrow(message);
  });

  it('refuses a hard link to a file outside', async () => {
    await expect(apply([{ name: 'b', type: 'link', linkname: '../secret' }])).rejects.toThrow(/ENOENT/);
  });

  it('makes links that programs without a chroot cannot leave the folder by', async () => {
    await apply([
      { name: 'd/up', type: 'symlink', linkname: '../../../../etc/passwd' },
      { name: 'd/abs', type: 'symlink', linkname: '/etc/passwd' },
    ]);
    expect(await readlink(join(root, 'd/up'))).toBe('../etc/passwd');
    expect(await readlink(join(root, 'd/abs'))).toBe('../etc/passwd');
  });

  it('explains what is no tar, and what is cut short', async () => {
    const cut = (await layer([{ name: 'a', content: 'x'.repeat(5000) }], false)).bytes.subarray(0, 2000);
    await expect(unpackLayers([{ bytes: cut }], root)).rejects.toThrow(UserError);
    await expect(unpackLayers([{ bytes: gzipSync(cut) }], root)).rejects.toThrow(/cannot unpack layer/);
    await expect(unpackLayers([{ bytes: Buffer.from('<html>'.repeat(200)) }], root)).rejects.toThrow(
      /cannot unpack layer/,
    );
    await expect(unpackLayers([{ bytes: Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0]) }], root)).rejects.toThrow(/zstd/);
  });
});

describe('a zip', () => {
  it('is unpacked by way of a layer without a prefix', async () => {
    const zip = makeZip([
      { name: 'index.mjs', content: 'export {}' },
      { name: 'bootstrap', content: '#!/bin/sh\n', mode: 0o100755 },
      { name: 'lib/link', content: '../index.mjs', mode: 0o120777 },
    ]);
    await unpack([await layerFromZip(zip, { prefix: '/' })], root);
    expect(await read('lib/link')).toBe('export {}');
    expect((await stat(join(root, 'bootstrap'))).mode & 0o111).not.toBe(0);
  });
});

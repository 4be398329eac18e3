import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import tar from 'tar-stream';
import { afterEach, describe, expect, it } from 'vitest';
import { UserError } from '../../src/core/index.ts';
import {
  digestOf,
  fileEntry,
  type Layer,
  type LayerEntry,
  layerFromEntries,
  layerFromZip,
} from '../../src/oci/index.ts';
import { makeZip, type ZipFile } from './make-zip.ts';

const folders: string[] = [];
afterEach(async () => {
  await Promise.all(folders.splice(0).map((folder) => rm(folder, { recursive: true })));
});

async function temporary(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'lc-layer-'));
  folders.push(folder);
  return folder;
}

async function bytesOf(layer: Layer): Promise<Buffer> {
  const held: Uint8Array[] = [];
  for await (const chunk of layer.open()) held.push(chunk);
  return Buffer.concat(held);
}

/** What an independent tar reader sees. */
async function listing(layer: Layer): Promise<string[]> {
  const lines: string[] = [];
  const extract = tar.extract();
  extract.end(gunzipSync(await bytesOf(layer)));
  for await (const entry of extract) {
    const { name, type, mode, uid, gid, mtime, linkname } = entry.header;
    const held: Uint8Array[] = [];
    for await (const chunk of entry as unknown as AsyncIterable<Uint8Array>) held.push(chunk);
    const content =
      type === 'file' ? ` ${Buffer.concat(held).toString()}` : type === 'symlink' ? ` -> ${linkname}` : '';
    lines.push(`${type} ${mode?.toString(8)} ${name.replace(/\/$/, '')}${content}`);
    expect([uid, gid, mtime?.getTime()]).toEqual([0, 0, 0]);
  }
  return lines;
}

const FUNCTION: ZipFile[] = [
  { name: 'index.mjs', content: 'export const handler = async () => "hello";\n'.repeat(40) },
  { name: 'bin/run', content: '#!/bin/sh\necho run\n', mode: 0o100755 },
  { name: 'node_modules/', mode: 0o40700 },
  { name: 'node_modules/a/package.json', content: '{}', mode: 0o100600, stored: true },
  { name: 'node_modules/.bin/a', content: '../a/cli.js', mode: 0o120777 },
  { name: 'empty.txt', content: '' },
];

describe('a layer from a zip', () => {
  it('holds the files below the prefix with parents, sorted, owner and time zero, modes reduced to the executable bit', async () => {
    const layer = await layerFromZip(makeZip(FUNCTION));
    expect(await listing(layer)).toEqual([
      'directory 755 var',
      'directory 755 var/task',
      'directory 755 var/task/bin',
      'file 755 var/task/bin/run #!/bin/sh\necho run\n',
      'file 644 var/task/empty.txt ',
      `file 644 var/task/index.mjs ${'export const handler = async () => "hello";\n'.repeat(40)}`,
      'directory 755 var/task/node_modules',
      'directory 755 var/task/node_modules/.bin',
      'symlink 777 var/task/node_modules/.bin/a -> ../a/cli.js',
      'directory 755 var/task/node_modules/a',
      'file 644 var/task/node_modules/a/package.json {}',
    ]);
  });

  it('has one digest whatever the temp folder, and whether it is held in memory or in a file', async () => {
    const zip = makeZip(FUNCTION);
    const [one, two] = [await temporary(), await temporary()];
    await writeFile(join(one, 'code.zip'), zip);
    const layers = [
      await layerFromZip(zip),
      await layerFromZip(join(one, 'code.zip'), { folder: one }),
      await layerFromZip(zip, { folder: two }),
    ];
    expect(new Set(layers.map((layer) => `${layer.digest} ${layer.diffId} ${layer.size}`)).size).toBe(1);
    for (const layer of layers) {
      const bytes = await bytesOf(layer);
      expect(digestOf(bytes)).toBe(layer.digest);
      expect(bytes.length).toBe(layer.size);
      expect(digestOf(gunzipSync(bytes))).toBe(layer.diffId);
    }
  });

  it('keeps the compression of the zip', async () => {
    const content = 'a line that compresses well\n'.repeat(4000);
    const layer = await layerFromZip(makeZip([{ name: 'big.txt', content }]));
    expect(layer.size).toBeLessThan(content.length / 50);
  });

  it('reads names that do not fit a ustar header', async () => {
    const long = `${'folder/'.repeat(40)}${'n'.repeat(120)}.js`;
    const layer = await layerFromZip(
      makeZip([
        { name: long, content: 'x' },
        { name: 'grüße/ﬁle.txt', content: 'y' },
        { name: 'link', content: 't'.repeat(300), mode: 0o120777 },
      ]),
    );
    const lines = await listing(layer);
    expect(lines).toContain(`file 644 var/task/${long} x`);
    expect(lines).toContain('file 644 var/task/grüße/ﬁle.txt y');
    expect(lines).toContain(`symlink 777 var/task/link -> ${'t'.repeat(300)}`);
  });

  const refused: { case: string; files: ZipFile[]; limits?: object; message: RegExp }[] = [
    { case: 'a name with ..', files: [{ name: '../etc/passwd', content: 'x' }], message: /invalid zip archive.*\.\./ },
    { case: 'an absolute name', files: [{ name: '/etc/passwd', content: 'x' }], message: /absolute path/ },
    { case: 'a backslash climb', files: [{ name: 'a\\..\\..\\x', content: 'x' }], message: /invalid zip archive/ },
    {
      case: 'a file behind a symbolic link',
      files: [
        { name: 'out', content: '/etc', mode: 0o120777 },
        { name: 'out/passwd', content: 'x' },
      ],
      message: /var\/task\/out\/passwd lies under var\/task\/out, which is a symbolic link/,
    },
    {
      case: 'a folder and a file of one name',
      files: [{ name: 'a/' }, { name: 'a', content: 'x' }],
      message: /both a folder and a file/,
    },
    { case: 'encryption', files: [{ name: 'a', content: 'x', encrypted: true }], message: /encrypted/ },
    {
      case: 'an unknown compression',
      files: [{ name: 'a', content: 'x', method: 12 }],
      message: /compression method 12/,
    },
    { case: 'a device', files: [{ name: 'a', mode: 0o20644 }], message: /neither a file/ },
    {
      case: 'too many bytes',
      files: [{ name: 'a', content: 'x'.repeat(2000) }],
      limits: { bytesMax: 1000 },
      message: /larger than 1000 bytes/,
    },
    {
      case: 'too many entries',
      files: [{ name: 'a' }, { name: 'b' }],
      limits: { entriesMax: 1 },
      message: /2 entries, more than 1/,
    },
    {
      case: 'a bomb that claims to be small',
      files: [{ name: 'a', content: 'x'.repeat(100_000), claimedSize: 10 }],
      limits: { bytesMax: 1000 },
      message: /corrupt archive/,
    },
    {
      case: 'an entry smaller than claimed',
      files: [{ name: 'a', content: 'xyz', claimedSize: 10 }],
      message: /corrupt archive/,
    },
    {
      case: 'a wrong checksum',
      files: [{ name: 'a', content: 'xyz'.repeat(9), claimedCrc: 1 }],
      message: /corrupt archive/,
    },
  ];
  it.each(refused)('refuses $case', async ({ files, limits, message }) => {
    const refusal = layerFromZip(makeZip(files), limits ? { limits } : {});
    await expect(refusal).rejects.toThrow(message);
    await expect(refusal).rejects.toBeInstanceOf(UserError);
  });

  it('refuses what is no zip, and leaves a missing file a system error', async () => {
    await expect(layerFromZip(Buffer.from('<html>expired</html>'.repeat(9)))).rejects.toThrow(/invalid zip archive/);
    await expect(layerFromZip('/nowhere/code.zip')).rejects.toThrow(/ENOENT/);
  });
});

describe('a layer from entries', () => {
  const paths = fc.uniqueArray(
    fc
      .array(fc.stringMatching(/^[a-z][a-z0-9.-]{0,6}$/), { minLength: 1, maxLength: 4 })
      .map((parts) => parts.join('/')),
    { minLength: 1, maxLength: 12 },
  );

  it('does not depend on the order of the entries, and puts every folder before what it holds', async () => {
    await fc.assert(
      fc.asyncProperty(paths, fc.infiniteStream(fc.nat()), async (names, chance) => {
        // A file cannot have children: keep those names that are no folder of another.
        const files = names.filter((name) => !names.some((other) => other.startsWith(`${name}/`)));
        const entries: LayerEntry[] = files.map((path) => fileEntry(path, path));
        const shuffled = entries
          .map((entry) => ({ entry, key: chance.next().value as number }))
          .sort((a, b) => a.key - b.key)
          .map(({ entry }) => entry);
        const layer = await layerFromEntries(entries);
        expect((await layerFromEntries(shuffled)).digest).toBe(layer.digest);
        const listed = (await listing(layer)).map((line) => line.split(' ')[2] ?? '');
        const seen = new Set<string>(['.']);
        for (const name of listed) {
          expect(seen.has(name.includes('/') ? name.slice(0, name.lastIndexOf('/')) : '.')).toBe(true);
          seen.add(name);
        }
        for (const file of files) expect(seen.has(file)).toBe(true);
      }),
      { numRuns: 60, seed: 3 },
    );
  });

  it('gives the same bytes however a content comes in pieces', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 200_000, size: 'max' }),
        fc.integer({ min: 1, max: 90_000 }),
        async (bytes, step) => {
          const whole = await layerFromEntries([fileEntry('a', bytes)]);
          const pieces: LayerEntry = {
            type: 'file',
            path: 'a',
            executable: false,
            content: {
              coding: 'none',
              size: bytes.length,
              async *open() {
                for (let start = 0; start < bytes.length; start += step) yield bytes.subarray(start, start + step);
              },
            },
          };
          expect((await layerFromEntries([pieces])).digest).toBe(whole.digest);
        },
      ),
      { numRuns: 15, seed: 7 },
    );
  });

  it('refuses a content that is not as long as it says', async () => {
    const lying: LayerEntry = {
      type: 'file',
      path: 'a',
      executable: false,
      content: {
        coding: 'none',
        size: 3,
        async *open() {
          yield Buffer.from('four');
        },
      },
    };
    await expect(layerFromEntries([lying])).rejects.toThrow(/larger than the archive says/);
  });

  it('stops at an abort', async () => {
    await expect(layerFromEntries([fileEntry('a', 'x')], { signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
  });

  it('writes to the folder it was given and nowhere else', async () => {
    const folder = await temporary();
    const layer = await layerFromEntries([fileEntry('etc/motd', 'hi')], { folder });
    const { readdir } = await import('node:fs/promises');
    const [made = ''] = await readdir(folder);
    expect(digestOf(await readFile(join(folder, made, 'layer.tar.gz')))).toBe(layer.digest);
  });
});

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  type BaseImage,
  compose,
  composeIndex,
  digestOf,
  fileEntry,
  type ImageConfig,
  layerFromEntries,
  layerFromZip,
  MEDIA_TYPES,
  scratch,
} from '../../src/oci/index.ts';

/** Python's zipfile wrote these bytes: one deflated file, one stored, one executable. They must never change. */
const ZIP = Buffer.from(
  'UEsDBBQAAAAIAAAAIVyezagmQQAAAMgEAAAJAAAAaW5kZXgubWpzS60oyC8qUUjOzysuUchIzEvJSS1SsFVILK7MS1bQ0FSwtVNQykjNycmPiSnPL8pJUbLmSh3VMqplVMuolsGkBQBQSwMEFAAAAAAAAAAhXEO/pqMCAAAAAgAAAAwAAABwYWNrYWdlLmpzb257fVBLAwQUAAAACAAAACFclbgR0yMAAACWAAAABwAAAGJpbi9ydW5TVtRPyszTL87gSq1ITVbIy09JVcjMS0mt0MvNKuZSHiBZAFBLAQIUAxQAAAAIAAAAIVyezagmQQAAAMgEAAAJAAAAAAAAAAAAAACkgQAAAABpbmRleC5tanNQSwECFAMUAAAAAAAAACFcQ7+mowIAAAACAAAADAAAAAAAAAAAAAAAgIFoAAAAcGFja2FnZS5qc29uUEsBAhQDFAAAAAgAAAAhXJW4EdMjAAAAlgAAAAcAAAAAAAAAAAAAAO2BlAAAAGJpbi9ydW5QSwUGAAAAAAMAAwCmAAAA3AAAAAAA',
  'base64',
);

const DOCKER_BASE: BaseImage = {
  manifest: {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.dockerManifest,
    config: { mediaType: MEDIA_TYPES.dockerConfig, digest: digestOf('config'), size: 6 },
    layers: [{ mediaType: MEDIA_TYPES.dockerLayerGzip, digest: digestOf('lower'), size: 5 }],
  },
  config: {
    architecture: 'arm64',
    variant: 'v8',
    os: 'linux',
    created: '2026-03-01T12:00:00Z',
    container_config: { Image: 'junk of docker' },
    config: {
      Entrypoint: ['/lambda-entrypoint.sh'],
      Env: ['PATH=/usr/bin', 'LAMBDA_TASK_ROOT=/var/task'],
      WorkingDir: '/var/task',
      Labels: { a: '1' },
    },
    rootfs: { type: 'layers', diff_ids: [digestOf('lower diff')] },
    history: [{ created: '2026-03-01T12:00:00Z', created_by: 'base' }],
  } as ImageConfig,
};

const layer = () =>
  layerFromEntries([fileEntry('var/task/index.mjs', 'export const handler = 1;')], { createdBy: 'code' });
const parsed = (bytes: Uint8Array) => JSON.parse(Buffer.from(bytes).toString('utf8'));

async function configOf(image: {
  config: { open(): AsyncIterable<Uint8Array> };
}): Promise<ImageConfig & { created: string }> {
  for await (const bytes of image.config.open()) return parsed(bytes);
  throw new Error('no configuration');
}

describe('compose', () => {
  it("puts new layers on the base's by digest and says so in history and diff ids", async () => {
    const made = await layer();
    const image = compose({
      base: DOCKER_BASE,
      layers: [made],
      config: { cmd: ['index.handler'], env: { TZ: 'UTC' } },
    });
    expect(parsed(image.bytes)).toEqual({
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.ociManifest,
      config: { mediaType: MEDIA_TYPES.ociConfig, digest: image.config.digest, size: image.config.size },
      layers: [
        { mediaType: MEDIA_TYPES.ociLayerGzip, digest: digestOf('lower'), size: 5 },
        { mediaType: MEDIA_TYPES.ociLayerGzip, digest: made.digest, size: made.size },
      ],
    });
    expect(image.digest).toBe(digestOf(image.bytes));
    expect(await configOf(image)).toEqual({
      architecture: 'arm64',
      variant: 'v8',
      os: 'linux',
      created: '1970-01-01T00:00:00Z',
      config: {
        Entrypoint: ['/lambda-entrypoint.sh'],
        Cmd: ['index.handler'],
        Env: ['PATH=/usr/bin', 'LAMBDA_TASK_ROOT=/var/task', 'TZ=UTC'],
        WorkingDir: '/var/task',
        Labels: { a: '1' },
      },
      rootfs: { type: 'layers', diff_ids: [digestOf('lower diff'), made.diffId] },
      history: [
        { created: '2026-03-01T12:00:00Z', created_by: 'base' },
        { created: '1970-01-01T00:00:00Z', created_by: 'code' },
      ],
    });
  });

  it('replaces entry point, working directory and variables by name; a new entry point drops the old command', async () => {
    const first = compose({ base: DOCKER_BASE, layers: [], config: { cmd: ['a'] } });
    const base = { manifest: first.manifest, config: await configOf(first) };
    const config = { entrypoint: ['/run'], workingDir: '/srv', env: { PATH: '/bin' }, labels: { b: '2' } };
    expect((await configOf(compose({ base, layers: [], config }))).config).toEqual({
      Entrypoint: ['/run'],
      Cmd: null,
      Env: ['PATH=/bin', 'LAMBDA_TASK_ROOT=/var/task'],
      WorkingDir: '/srv',
      Labels: { a: '1', b: '2' },
    });
  });

  it('is a function of code, base and recipe: each of them changes the digest, nothing else does', async () => {
    const [one, two] = await Promise.all([mkdtemp(join(tmpdir(), 'lc-one-')), mkdtemp(join(tmpdir(), 'lc-another-'))]);
    try {
      const entries = [fileEntry('var/task/a.mjs', 'a'), fileEntry('var/task/b.mjs', 'b')];
      const config = { cmd: ['a.handler'] };
      const digest = async (folder: string, base = DOCKER_BASE, files = entries, changes = config) =>
        compose({ base, layers: [await layerFromEntries(files, { folder })], config: changes }).digest;
      const reference = await digest(one);
      expect(await digest(two)).toBe(reference);
      expect(await digest(one, DOCKER_BASE, [...entries].reverse())).toBe(reference);
      expect(await digest(one, scratch('arm64'))).not.toBe(reference);
      expect(await digest(one, DOCKER_BASE, entries.slice(1))).not.toBe(reference);
      expect(await digest(one, DOCKER_BASE, entries, { cmd: ['b.handler'] })).not.toBe(reference);
    } finally {
      await Promise.all([one, two].map((folder) => rm(folder, { recursive: true })));
    }
  });

  it('has the digest it always had (a change here rolls every image of every fleet: raise the recipe instead)', async () => {
    const code = await layerFromZip(ZIP);
    const image = compose({ base: scratch('amd64'), layers: [code], config: { cmd: ['index.handler'] } });
    expect({ layer: code.digest, diffId: code.diffId, image: image.digest }).toMatchInlineSnapshot(`
      {
        "diffId": "sha256:ec6b2cd9027d61565d52c6768411bf8b8b7a4f65b7bffe6f334d88741b1a7e7b",
        "image": "sha256:0010a1a467c7b846d307a313c2dfee28cf0ba3b9a65b50965eeee72743c72f3c",
        "layer": "sha256:541f28258010d36e21095181a972dca7a6901c9930cfaf96cc61ef0e94748021",
      }
    `);
  });

  it('lists platforms in an index in a fixed order', async () => {
    const made = await layer();
    const images = (['arm64', 'amd64'] as const).map((architecture) => ({
      architecture,
      image: compose({ base: scratch(architecture), layers: [made] }),
    }));
    const index = composeIndex(images);
    expect(index.digest).toBe(composeIndex([...images].reverse()).digest);
    expect(parsed(index.bytes).manifests.map((entry: { platform: unknown }) => entry.platform)).toEqual([
      { os: 'linux', architecture: 'amd64' },
      { os: 'linux', architecture: 'arm64' },
    ]);
  });
});

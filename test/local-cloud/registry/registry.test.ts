import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Failure } from '../../../src/core/index.ts';
import {
  blobOf,
  type ComposedImage,
  compose,
  composeIndex,
  digestOf,
  fileEntry,
  layerFromEntries,
  MEDIA_TYPES,
  parseReference,
  RegistryClient,
  scratch,
} from '../../../src/oci/index.ts';
import { type RegistryServer, startRegistry } from './registry-server.ts';

let registry: RegistryServer;
let client: RegistryClient;

beforeEach(async () => {
  registry = await startRegistry();
  client = new RegistryClient({ credentials: registry.credentials });
  registry.cloud.call('ecr', 'CreateRepository', { repositoryName: 'shop/checkout' });
});
afterEach(async () => {
  await client.close();
  await registry.close();
});

const target = () => ({ host: registry.host, repository: 'shop/checkout' });
const basic = { authorization: `Basic ${Buffer.from('AWS:token').toString('base64')}` };

async function image(architecture: 'amd64' | 'arm64' = 'amd64', text = 'hello'): Promise<ComposedImage> {
  const layer = await layerFromEntries([fileEntry('var/task/index.mjs', text)]);
  return compose({ base: scratch(architecture), layers: [layer], config: { cmd: ['index.handler'] } });
}

function ask(path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`http://${registry.host}${path}`, { ...init, headers: { ...basic, ...init.headers } });
}

async function code(answer: Response): Promise<[number, string]> {
  const { errors } = (await answer.json()) as { errors: { code: string }[] };
  return [answer.status, errors[0]?.code ?? ''];
}

describe('an image pushed by the client', () => {
  it('is there by digest and tag, in the registry and in ECR, and pulls as it was composed', async () => {
    const pushed = await image();
    const steps: string[] = [];
    await client.pushImage(target(), pushed, { tag: 'v1', report: (step) => steps.push(step.how) });
    expect(steps).toEqual(['uploaded', 'uploaded']);
    for (const name of [':v1', `@${pushed.digest}`]) {
      const found = await client.image(parseReference(`${registry.host}/shop/checkout${name}`), {
        os: 'linux',
        architecture: 'amd64',
      });
      expect(found.digest).toBe(pushed.digest);
      expect(found.manifest).toEqual(pushed.manifest);
      expect(found.config.config?.Cmd).toEqual(['index.handler']);
    }
    expect(registry.cloud.call('ecr', 'DescribeImages', { repositoryName: 'shop/checkout' })).toMatchObject({
      imageDetails: [
        { imageDigest: pushed.digest, imageTags: ['v1'], imageManifestMediaType: MEDIA_TYPES.ociManifest },
      ],
    });
  });

  it('costs no upload a second time', async () => {
    const pushed = await image();
    await client.pushImage(target(), pushed, { tag: 'v1' });
    registry.requests.length = 0;
    const steps: string[] = [];
    await client.pushImage(target(), pushed, { tag: 'v1', report: (step) => steps.push(step.how) });
    expect(steps).toEqual(['present', 'present']);
    expect(registry.requests.filter((request) => request.startsWith('POST'))).toEqual([]);
  });

  it("mounts the base's layers from their repository", async () => {
    registry.cloud.call('ecr', 'CreateRepository', { repositoryName: 'base' });
    const base = await image();
    await client.pushImage({ host: registry.host, repository: 'base' }, base, { tag: 'v1' });
    const reference = parseReference(`${registry.host}/base:v1`);
    const pulled = await client.image(reference, { os: 'linux', architecture: 'amd64' });
    const derived = compose({ base: pulled, layers: [await layerFromEntries([fileEntry('opt/x', 'x')])] });
    const steps: string[] = [];
    await client.pushImage(target(), derived, { base: reference, report: (step) => steps.push(step.how) });
    expect(steps).toEqual(['mounted', 'uploaded', 'uploaded']);
  });

  it("copies the base's layers from another registry", async () => {
    const other = await startRegistry();
    const otherClient = new RegistryClient({ credentials: other.credentials });
    try {
      other.cloud.call('ecr', 'CreateRepository', { repositoryName: 'base' });
      await otherClient.pushImage({ host: other.host, repository: 'base' }, await image(), { tag: 'v1' });
      const reference = parseReference(`${other.host}/base:v1`);
      const pulled = await client.image(reference, { os: 'linux', architecture: 'amd64' });
      const derived = compose({ base: pulled, layers: [] });
      await client.pushImage(target(), derived, { base: reference, tag: 'copied' });
      expect(registry.ecr.tags('shop/checkout')).toEqual(['copied']);
    } finally {
      await otherClient.close();
      await other.close();
    }
  });

  it('is found through an index by platform', async () => {
    const [amd, arm] = [await image('amd64'), await image('arm64')];
    const index = composeIndex([
      { image: amd, architecture: 'amd64' },
      { image: arm, architecture: 'arm64' },
    ]);
    const refusal = client.pushManifest(target(), 'v1', index);
    await expect(refusal).rejects.toMatchObject({ kind: 'invalid', code: 'MANIFEST_BLOB_UNKNOWN' });
    for (const each of [amd, arm]) await client.pushImage(target(), each);
    await client.pushManifest(target(), 'v1', index);
    const reference = parseReference(`${registry.host}/shop/checkout:v1`);
    expect((await client.image(reference, { os: 'linux', architecture: 'arm64' })).digest).toBe(arm.digest);
    expect(await client.headManifest(reference)).toEqual({
      mediaType: index.mediaType,
      digest: index.digest,
      size: index.bytes.length,
    });
    const only = parseReference(`${registry.host}/shop/checkout@${amd.digest}`);
    const wrong = client.image(only, { os: 'linux', architecture: 'arm64' });
    await expect(wrong).rejects.toMatchObject({ kind: 'notFound', code: 'PLATFORM_UNKNOWN' });
  });
});

describe('the registry refuses', () => {
  it('a push without credentials, and says how to get them; a pull needs none', async () => {
    const anonymous = new RegistryClient();
    await client.pushImage(target(), await image(), { tag: 'v1' });
    await expect(anonymous.pushImage(target(), await image('amd64', 'other'))).rejects.toMatchObject({
      kind: 'denied',
    });
    expect((await anonymous.manifest(parseReference(`${registry.host}/shop/checkout:v1`))).digest).toBeDefined();
    const ping = await fetch(`http://${registry.host}/v2/`);
    expect([ping.status, ping.headers.get('www-authenticate')]).toEqual([
      401,
      `Basic realm="http://${registry.host}/",service="ecr.amazonaws.com"`,
    ]);
    expect((await ask('/v2/')).status).toBe(200);
    await anonymous.close();
  });

  it('a repository that was not created', async () => {
    const elsewhere = { host: registry.host, repository: 'not/there' };
    await expect(client.pushImage(elsewhere, await image())).rejects.toMatchObject({
      kind: 'notFound',
      code: 'NAME_UNKNOWN',
    });
    expect(await code(await ask('/v2/not/there/tags/list'))).toEqual([404, 'NAME_UNKNOWN']);
  });

  it('a manifest whose blobs are missing, whose digest is another, or that is none', async () => {
    const unpushed = await image();
    await expect(client.pushManifest(target(), 'v1', unpushed)).rejects.toMatchObject({
      kind: 'invalid',
      code: 'MANIFEST_BLOB_UNKNOWN',
    });
    await client.pushImage(target(), unpushed);
    const put = (reference: string, body: string, type: string = MEDIA_TYPES.ociManifest) =>
      ask(`/v2/shop/checkout/manifests/${reference}`, { method: 'PUT', body, headers: { 'content-type': type } });
    expect(await code(await put(digestOf('other'), Buffer.from(unpushed.bytes).toString()))).toEqual([
      400,
      'DIGEST_INVALID',
    ]);
    expect(await code(await put('v1', 'no json'))).toEqual([400, 'MANIFEST_INVALID']);
    expect(await code(await put('v1', '{"schemaVersion":1}'))).toEqual([400, 'MANIFEST_INVALID']);
    expect(await code(await put('v1', '{"schemaVersion":2}', 'text/plain'))).toEqual([400, 'MANIFEST_INVALID']);
    expect(registry.ecr.tags('shop/checkout')).toEqual([]);
  });

  it('moving a tag of an immutable repository', async () => {
    registry.cloud.call('ecr', 'PutImageTagMutability', {
      repositoryName: 'shop/checkout',
      imageTagMutability: 'IMMUTABLE',
    });
    const first = await image();
    await client.pushImage(target(), first, { tag: 'v1' });
    await client.pushImage(target(), first, { tag: 'v1' });
    const moved = client.pushImage(target(), await image('amd64', 'changed'), { tag: 'v1' });
    await expect(moved).rejects.toMatchObject({ kind: 'invalid', code: 'TAG_INVALID' });
    expect(registry.ecr.manifest('shop/checkout', 'v1')?.digest).toBe(first.digest);
  });

  it('content of another digest, and forgets it', async () => {
    const wrong = client.upload(target(), blobOf(Buffer.from('content'), digestOf('other')));
    await expect(wrong).rejects.toMatchObject({ kind: 'invalid', code: 'DIGEST_INVALID' });
    expect(await client.blobExists(target(), digestOf('content'))).toBe(false);
  });

  it('pushing to a stand-in of a public repository', async () => {
    registry.cloud.enter((nowMs) => registry.ecr.seedRepository('lambda/nodejs', nowMs));
    const refused = client.pushImage({ host: registry.host, repository: 'lambda/nodejs' }, await image());
    await expect(refused).rejects.toMatchObject({ kind: 'denied', code: 'DENIED' });
  });

  it('what the specification does not have, in its own format', async () => {
    expect(await code(await ask('/v2/_catalog'))).toEqual([404, 'UNSUPPORTED']);
    expect(await code(await ask('/v2/shop/checkout/manifests/v1', { method: 'POST' }))).toEqual([405, 'UNSUPPORTED']);
    expect(await code(await ask('/v2/shop/checkout/blobs/sha256:1'))).toEqual([400, 'DIGEST_INVALID']);
    expect(await code(await ask(`/v2/shop/checkout/blobs/${digestOf('nothing')}`))).toEqual([404, 'BLOB_UNKNOWN']);
    expect(await code(await ask('/v2/shop/checkout/manifests/none'))).toEqual([404, 'MANIFEST_UNKNOWN']);
    expect(await code(await ask('/v2/shop/checkout/blobs/uploads/none', { method: 'PATCH' }))).toEqual([
      404,
      'BLOB_UPLOAD_UNKNOWN',
    ]);
    expect(await code(await ask('/v2/shop/checkout/manifests/%ff'))).toEqual([400, 'NAME_INVALID']);
  });
});

describe('uploads', () => {
  const uploads = '/v2/shop/checkout/blobs/uploads/';

  it('may come in chunks, ask where they are, and end with or without a last one', async () => {
    for (const last of ['', '!']) {
      const started = await ask(uploads, { method: 'POST' });
      expect(started.status).toBe(202);
      const location = started.headers.get('location') ?? '';
      const chunk = (body: string, range: string) =>
        ask(location, { method: 'PATCH', body, headers: { 'content-range': range } });
      expect((await chunk('hello ', '0-5')).headers.get('range')).toBe('0-5');
      const gap = await chunk('world', '7-11');
      expect([gap.status, gap.headers.get('range')]).toEqual([416, '0-5']);
      expect((await chunk('world', '6-10')).headers.get('range')).toBe('0-10');
      expect((await ask(location)).headers.get('range')).toBe('0-10');
      const digest = digestOf(`hello world${last}`);
      const ended = await ask(`${location}?digest=${digest}`, { method: 'PUT', body: last });
      expect([ended.status, ended.headers.get('docker-content-digest')]).toEqual([201, digest]);
      expect(await (await ask(`/v2/shop/checkout/blobs/${digest}`)).text()).toBe(`hello world${last}`);
      expect((await ask(location)).status).toBe(404);
    }
  });

  it('may come in a single request, or be given up', async () => {
    const digest = digestOf('single');
    expect((await ask(`${uploads}?digest=${digest}`, { method: 'POST', body: 'single' })).status).toBe(201);
    const location = (await ask(uploads, { method: 'POST' })).headers.get('location') ?? '';
    expect((await ask(location, { method: 'DELETE' })).status).toBe(204);
    expect((await ask(location, { method: 'DELETE' })).status).toBe(404);
  });

  it('mounts what another repository has, and opens an upload for what it has not', async () => {
    registry.cloud.call('ecr', 'CreateRepository', { repositoryName: 'base' });
    const digest = digestOf('shared');
    await client.upload({ host: registry.host, repository: 'base' }, blobOf(Buffer.from('shared'), digest));
    expect(await client.blobExists(target(), digest)).toBe(false);
    expect(await client.mount(target(), digest, 'base')).toBe(true);
    expect(await client.blobExists(target(), digest)).toBe(true);
    expect(await client.mount(target(), digestOf('unknown'), 'base')).toBe(false);
  });
});

describe('reading', () => {
  it('serves ranges', async () => {
    const digest = digestOf('0123456789');
    await client.upload(target(), blobOf(Buffer.from('0123456789'), digest));
    const read = async (range: string) => {
      const answer = await ask(`/v2/shop/checkout/blobs/${digest}`, { headers: { range } });
      return [answer.status, answer.headers.get('content-range'), answer.status < 400 ? await answer.text() : ''];
    };
    expect(await read('bytes=2-4')).toEqual([206, 'bytes 2-4/10', '234']);
    expect(await read('bytes=7-')).toEqual([206, 'bytes 7-9/10', '789']);
    expect(await read('bytes=-2')).toEqual([206, 'bytes 8-9/10', '89']);
    expect(await read('bytes=10-')).toEqual([416, 'bytes */10', '']);
  });

  it('lists tags by pages and deletes manifests by tag and by digest', async () => {
    const pushed = await image();
    for (const tag of ['c', 'a', 'b']) await client.pushImage(target(), pushed, { tag });
    const first = await ask('/v2/shop/checkout/tags/list?n=2');
    expect(await first.json()).toEqual({ name: 'shop/checkout', tags: ['a', 'b'] });
    const next = /<(.*)>; rel="next"/.exec(first.headers.get('link') ?? '')?.[1] ?? '';
    const second = await ask(next);
    expect([await second.json(), second.headers.get('link')]).toEqual([{ name: 'shop/checkout', tags: ['c'] }, null]);
    const remove = async (reference: string) =>
      (await ask(`/v2/shop/checkout/manifests/${reference}`, { method: 'DELETE' })).status;
    expect(await remove('a')).toBe(202);
    expect(registry.ecr.tags('shop/checkout')).toEqual(['b', 'c']);
    expect(await remove(pushed.digest)).toBe(202);
    expect(await remove(pushed.digest)).toBe(404);
    expect(await remove('b')).toBe(404);
  });
});

it('gives failures that name registry and repository', async () => {
  const failed = await client
    .manifest(parseReference(`${registry.host}/shop/checkout:none`))
    .catch((error: unknown) => error);
  expect(failed).toBeInstanceOf(Failure);
  expect((failed as Failure).message).toBe(
    `${registry.host} answered 404 for shop/checkout/manifests/none: Requested image not found`,
  );
});

import { afterEach, describe, expect, it } from 'vitest';
import { UserError, VirtualClock } from '../../src/core/index.ts';
import {
  compose,
  composeIndex,
  digestOf,
  MEDIA_TYPES,
  parseReference,
  RegistryClient,
  type RegistryClientOptions,
  registryOrigin,
  registryPort,
  scratch,
} from '../../src/oci/index.ts';
import { type Answerer, type FakeRegistry, fakeRegistry } from './fake-registry.ts';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function serve(answer: Answerer): Promise<FakeRegistry> {
  const registry = await fakeRegistry(answer);
  closing.push(() => registry.close());
  return registry;
}

function clientOf(options: RegistryClientOptions = {}): RegistryClient {
  const client = new RegistryClient({ retryDelayMs: 1, ...options });
  closing.push(() => client.close());
  return client;
}

const IMAGE = compose({ base: scratch('amd64'), layers: [] });
const send = (
  response: Parameters<Answerer>[1],
  body: Uint8Array | string,
  headers: Record<string, string> = {},
  status = 200,
) => response.writeHead(status, { 'content-type': IMAGE.mediaType, ...headers }).end(body);
const tagged = (registry: FakeRegistry) => parseReference(`${registry.host}/shop:v1`);

describe('authorisation', () => {
  it('follows a bearer challenge, anonymously, and keeps the token', async () => {
    const registry = await serve((request, response) => {
      if (request.url?.startsWith('/token')) return send(response, JSON.stringify({ token: 'abc' }));
      if (request.headers.authorization === 'Bearer abc') return send(response, IMAGE.bytes);
      const challenge = `Bearer realm="http://${request.headers.host}/token",service="reg",scope="repository:shop:pull"`;
      response.writeHead(401, { 'www-authenticate': challenge }).end();
    });
    const client = clientOf();
    await client.manifest(tagged(registry));
    await client.manifest(tagged(registry));
    expect(registry.requests).toEqual([
      { line: 'GET /v2/shop/manifests/v1', authorization: undefined },
      { line: 'GET /token?service=reg&scope=repository%3Ashop%3Apull', authorization: undefined },
      { line: 'GET /v2/shop/manifests/v1', authorization: 'Bearer abc' },
      { line: 'GET /v2/shop/manifests/v1', authorization: 'Bearer abc' },
    ]);
  });

  it('asks for a new token when the old one has expired', async () => {
    let current = 0;
    const registry = await serve((request, response) => {
      if (request.url?.startsWith('/token')) return send(response, JSON.stringify({ access_token: String(++current) }));
      if (current > 0 && request.headers.authorization === `Bearer ${current}`) return send(response, IMAGE.bytes);
      response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${request.headers.host}/token"` }).end();
    });
    const client = clientOf();
    await client.manifest(tagged(registry));
    current = 10;
    await client.manifest(tagged(registry));
    expect(registry.requests.at(-1)).toEqual({ line: 'GET /v2/shop/manifests/v1', authorization: 'Bearer 11' });
  });

  it('gives its credentials to the token service and to a basic challenge', async () => {
    const basic = `Basic ${Buffer.from('AWS:secret').toString('base64')}`;
    for (const scheme of ['Basic realm="r"', 'Bearer realm="http://HOST/token"']) {
      const registry = await serve((request, response) => {
        if (request.url?.startsWith('/token')) return send(response, JSON.stringify({ token: 'abc' }));
        if (request.headers.authorization) return send(response, IMAGE.bytes);
        response.writeHead(401, { 'www-authenticate': scheme.replace('HOST', request.headers.host ?? '') }).end();
      });
      await clientOf({ credentials: async () => ({ username: 'AWS', password: 'secret' }) }).manifest(tagged(registry));
      expect(registry.requests[1]?.authorization).toBe(basic);
    }
  });

  it('is denied without credentials, with wrong ones, and by schemes that it does not know', async () => {
    for (const challenge of ['Basic realm="r"', 'Negotiate', 'Bearer service="no realm"']) {
      const registry = await serve((_request, response) =>
        response.writeHead(401, { 'www-authenticate': challenge }).end(),
      );
      await expect(clientOf().manifest(tagged(registry))).rejects.toMatchObject({
        kind: 'denied',
        service: 'registry',
      });
    }
    const registry = await serve((_request, response) =>
      response.writeHead(401, { 'www-authenticate': 'Basic' }).end(),
    );
    const wrong = clientOf({ credentials: async () => ({ username: 'u', password: 'p' }) });
    await expect(wrong.manifest(tagged(registry))).rejects.toMatchObject({ kind: 'denied' });
  });

  it('sends nothing to a token service that is not encrypted', async () => {
    const registry = await serve((_request, response) =>
      response.writeHead(401, { 'www-authenticate': 'Bearer realm="http://tokens.example.com/"' }).end(),
    );
    const client = clientOf({ credentials: async () => ({ username: 'u', password: 'p' }) });
    await expect(client.manifest(tagged(registry))).rejects.toMatchObject({ code: 'InsecureLocation' });
  });
});

describe('reading', () => {
  it('follows redirects of blobs without taking the authorisation along', async () => {
    const storage = await serve((_request, response) => send(response, 'content'));
    const registry = await serve((request, response) => {
      if (!request.headers.authorization) return response.writeHead(401, { 'www-authenticate': 'Basic' }).end();
      response.writeHead(307, { location: `http://${storage.host}/blob?signed` }).end();
    });
    const client = clientOf({ credentials: async () => ({ username: 'u', password: 'p' }) });
    const descriptor = { mediaType: '', digest: digestOf('content'), size: 7 };
    expect(Buffer.from(await client.bytes(tagged(registry), descriptor, 100)).toString()).toBe('content');
    expect(storage.requests).toEqual([{ line: 'GET /blob?signed', authorization: undefined }]);
  });

  it('ends a chain of redirects', async () => {
    const registry = await serve((_request, response) => response.writeHead(307, { location: '/again' }).end());
    const descriptor = { mediaType: '', digest: digestOf('x'), size: 1 };
    await expect(clientOf().bytes(tagged(registry), descriptor, 100)).rejects.toMatchObject({
      code: 'TooManyRedirects',
    });
  });

  it('believes no content that has not the digest that was asked for', async () => {
    const registry = await serve((request, response) =>
      send(response, request.url?.includes('/blobs/') ? 'contenT' : IMAGE.bytes),
    );
    const client = clientOf();
    const other = parseReference(`${registry.host}/shop@${digestOf('other')}`);
    await expect(client.manifest(other)).rejects.toMatchObject({ code: 'DIGEST_INVALID' });
    for (const size of [7, 5, 9]) {
      const descriptor = { mediaType: '', digest: digestOf('content'), size };
      await expect(client.bytes(tagged(registry), descriptor, 100)).rejects.toMatchObject({ code: 'DIGEST_INVALID' });
    }
    const huge = { mediaType: '', digest: digestOf('content'), size: 101 };
    await expect(client.bytes(tagged(registry), huge, 100)).rejects.toMatchObject({ code: 'SIZE_INVALID' });
  });

  it('believes no header that the body contradicts', async () => {
    const registry = await serve((_request, response) =>
      send(response, IMAGE.bytes, { 'docker-content-digest': digestOf('other') }),
    );
    await expect(clientOf().manifest(tagged(registry))).rejects.toMatchObject({ code: 'DIGEST_INVALID' });
  });

  it('reads the body where the head says no digest', async () => {
    const registry = await serve((_request, response) => send(response, IMAGE.bytes));
    expect((await clientOf().headManifest(tagged(registry)))?.digest).toBe(IMAGE.digest);
  });

  const answers: { case: string; status: number; body: string; kind: string; code: string }[] = [
    {
      case: 'its own error format',
      status: 404,
      body: '{"errors":[{"code":"MANIFEST_UNKNOWN"}]}',
      kind: 'notFound',
      code: 'MANIFEST_UNKNOWN',
    },
    { case: 'a proxy’s page', status: 502, body: '<html>', kind: 'transient', code: 'HTTP502' },
    { case: 'too many requests', status: 429, body: '', kind: 'throttled', code: 'HTTP429' },
    { case: 'a refusal', status: 403, body: '', kind: 'denied', code: 'HTTP403' },
    { case: 'a page instead of JSON', status: 200, body: '<html>', kind: 'invalid', code: 'MANIFEST_INVALID' },
  ];
  it.each(answers)('classifies $case', async ({ status, body, kind, code }) => {
    const registry = await serve((_request, response) => send(response, body, {}, status));
    const asked = clientOf().image(tagged(registry), { os: 'linux', architecture: 'amd64' });
    await expect(asked).rejects.toMatchObject({ kind, code, service: 'registry' });
  });
});

describe('attempts', () => {
  it('are one unless asked for, then as many as asked for, and none after a final answer', async () => {
    const broken = await serve((_request, response) => send(response, '', {}, 503));
    await expect(clientOf().manifest(tagged(broken))).rejects.toMatchObject({ kind: 'transient' });
    expect(broken.requests).toHaveLength(1);
    await expect(clientOf({ attempts: 3 }).manifest(tagged(broken))).rejects.toMatchObject({ kind: 'transient' });
    expect(broken.requests).toHaveLength(4);
    const absent = await serve((_request, response) => send(response, '', {}, 404));
    await expect(clientOf({ attempts: 3 }).manifest(tagged(absent))).rejects.toMatchObject({ kind: 'notFound' });
    expect(absent.requests).toHaveLength(1);
  });

  it('repeat an upload from its beginning when the connection breaks', async () => {
    let received = '';
    const registry = await serve((request, response, count) => {
      if (request.method === 'POST') return response.writeHead(202, { location: '/v2/shop/blobs/uploads/1' }).end();
      if (count === 2) return void request.socket.destroy();
      request.on('data', (chunk: Buffer) => {
        received += chunk.toString();
      });
      request.on('end', () => response.writeHead(201).end());
    });
    let opened = 0;
    const blob = {
      digest: digestOf('ab'),
      size: 2,
      async *open() {
        opened++;
        yield Buffer.from('a');
        yield Buffer.from('b');
      },
    };
    await clientOf({ attempts: 2 }).upload(tagged(registry), blob);
    expect([received, opened]).toEqual(['ab', 2]);
  });

  it('stop at an abort', async () => {
    const abort = new AbortController();
    const registry = await serve((_request, response) => {
      abort.abort();
      send(response, '', {}, 503);
    });
    const asked = clientOf({ attempts: 50, retryDelayMs: 1000 }).manifest(tagged(registry), { signal: abort.signal });
    await expect(asked).rejects.toMatchObject({ kind: 'transient' });
    expect(registry.requests).toHaveLength(1);
  });

  it('give up on a registry that does not answer in time', async () => {
    const registry = await serve(() => {});
    await expect(clientOf({ timeoutMs: 50 }).manifest(tagged(registry))).rejects.toMatchObject({
      kind: 'transient',
      code: 'UND_ERR_HEADERS_TIMEOUT',
    });
  });
});

describe('the registry port', () => {
  async function indexed() {
    const arm = compose({ base: scratch('arm64'), layers: [] });
    const index = composeIndex([
      { image: IMAGE, architecture: 'amd64' },
      { image: arm, architecture: 'arm64' },
    ]);
    const held = new Map<string, { bytes: Uint8Array; type: string }>();
    held.set('manifests/22', { bytes: index.bytes, type: index.mediaType });
    for (const image of [IMAGE, arm]) {
      held.set(`manifests/${image.digest}`, { bytes: image.bytes, type: image.mediaType });
      for await (const bytes of image.config.open())
        held.set(`blobs/${image.config.digest}`, { bytes, type: MEDIA_TYPES.ociConfig });
    }
    const registry = await serve((request, response) => {
      const found = held.get(request.url?.replace('/v2/lambda/nodejs/', '') ?? '');
      if (found) send(response, found.bytes, { 'content-type': found.type });
      else send(response, '', {}, 404);
    });
    return { registry, held, arm, reference: `${registry.host}/lambda/nodejs:22` };
  }

  it('follows an index to the platform and remembers the answer for less than a minute', async () => {
    const { registry, arm, reference } = await indexed();
    const clock = new VirtualClock();
    const port = registryPort({ clock });
    closing.push(() => port.close());
    expect(await port.resolveDigest(reference, 'x86_64')).toBe(IMAGE.digest);
    expect(await port.resolveDigest(reference, 'arm64')).toBe(arm.digest);
    const asked = registry.requests.length;
    await port.resolveDigest(reference, 'arm64');
    expect(registry.requests).toHaveLength(asked);
    clock.after(60_000, () => {});
    clock.step();
    await port.resolveDigest(reference, 'arm64');
    expect(registry.requests.length).toBeGreaterThan(asked);
  });

  it('asks once for callers that ask at the same time; one that gives up does not take the others along', async () => {
    const { registry, reference } = await indexed();
    const port = registryPort();
    closing.push(() => port.close());
    const abort = new AbortController();
    const gone = port.resolveDigest(reference, 'x86_64', { signal: abort.signal });
    const others = [
      port.resolveDigest(reference, 'x86_64'),
      port.resolveDigest(reference, 'x86_64', { signal: new AbortController().signal }),
    ];
    abort.abort();
    await expect(gone).rejects.toMatchObject({ kind: 'transient', code: 'AbortError' });
    expect(await Promise.all(others)).toEqual([IMAGE.digest, IMAGE.digest]);
    expect(registry.requests.map((request) => request.line)).toHaveLength(3);
  });

  it('does not remember failures', async () => {
    const { held, reference } = await indexed();
    const port = registryPort();
    closing.push(() => port.close());
    const index = held.get('manifests/22');
    held.delete('manifests/22');
    await expect(port.resolveDigest(reference, 'x86_64')).rejects.toMatchObject({ kind: 'notFound' });
    if (index) held.set('manifests/22', index);
    expect(await port.resolveDigest(reference, 'x86_64')).toBe(IMAGE.digest);
    await expect(port.resolveDigest('not an image', 'x86_64')).rejects.toBeInstanceOf(UserError);
  });
});

describe('references', () => {
  const digest = digestOf('x');
  const cases: [text: string, host: string, repository: string, tag: string | undefined, digest: string | undefined][] =
    [
      ['public.ecr.aws/lambda/nodejs:22', 'public.ecr.aws', 'lambda/nodejs', '22', undefined],
      ['127.0.0.1:4577/shop', '127.0.0.1:4577', 'shop', 'latest', undefined],
      ['localhost/shop:v1', 'localhost', 'shop', 'v1', undefined],
      [`host.example:5000/a/b-c/d__e@${digest}`, 'host.example:5000', 'a/b-c/d__e', undefined, digest],
      [`host.example/a:v1@${digest}`, 'host.example', 'a', 'v1', digest],
      ['node:24-slim', 'registry-1.docker.io', 'library/node', '24-slim', undefined],
      ['docker.io/library/node', 'registry-1.docker.io', 'library/node', 'latest', undefined],
      ['someone/thing', 'registry-1.docker.io', 'someone/thing', 'latest', undefined],
    ];
  it.each(cases)('reads %s', (text, host, repository, tag, found) => {
    expect(parseReference(text)).toEqual({ host, repository, tag, digest: found });
  });

  it.each(['', 'Upper/case', 'a/b:', 'a@sha256:1', `a@${digest}@${digest}`, 'host.example/', 'a b', 'a/../b'])(
    'refuses %j',
    (text) => {
      expect(() => parseReference(text)).toThrow(UserError);
    },
  );

  it('speaks plainly to loopback addresses alone', () => {
    expect(['127.0.0.1:1', 'localhost', '[::1]:5000', '127.9.9.9'].map(registryOrigin)).toEqual([
      'http://127.0.0.1:1',
      'http://localhost',
      'http://[::1]:5000',
      'http://127.9.9.9',
    ]);
    expect(
      ['127.0.0.1.example.com', 'localhost.example', '10.0.0.1:5000'].every((host) =>
        registryOrigin(host).startsWith('https:'),
      ),
    ).toBe(true);
  });
});

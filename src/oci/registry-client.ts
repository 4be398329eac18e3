/**
 * A client of the OCI distribution specification 1.1: manifests, blobs, uploads, cross-repository mounts. Plain HTTP
 * for loopback hosts, HTTPS for all others. Every byte that is read is checked against its digest. It retries nothing
 * unless `attempts` says so (a build does, a reconcile pass must not), and never a request that is not idempotent.
 * Errors are `Failure`s of the service `registry`.
 */
import { createHash } from 'node:crypto';
import pRetry from 'p-retry';
import type { Agent, Dispatcher, request } from 'undici';
import { type Failure, isFailure } from '../core/index.ts';
import type { BaseImage, ComposedImage } from './compose.ts';
import { type Digest, digestOf, isDigest } from './digest.ts';
import {
  type Blob,
  type Descriptor,
  type ImageConfig,
  type ImageIndex,
  type ImageManifest,
  INDEX_TYPES,
  MANIFEST_TYPES,
  type ManifestDocument,
  MEDIA_TYPES,
} from './image-types.ts';
import { isLoopback, parseReference, type Reference, registryOrigin } from './reference.ts';
import {
  type Answer,
  baseType,
  digestMismatch,
  errorOf,
  failure,
  header,
  mediaTypeOf,
  parse,
  readAll,
  transportFailure,
} from './registry-answer.ts';
import { basicAuthorization, type CredentialsFor, parseChallenge, tokenUrl } from './registry-auth.ts';

export interface RegistryClientOptions {
  /** Default: anonymous everywhere. */
  readonly credentials?: CredentialsFor | undefined;
  /** Attempts of one idempotent request. Default 1: no retry. */
  readonly attempts?: number;
  /** Wait before the second attempt; it doubles. Default 500 ms. */
  readonly retryDelayMs?: number;
  /** To the first byte of an answer, and between two of its bytes. Default 30 s. */
  readonly timeoutMs?: number;
}

/** A repository on a registry. */
export interface Repository {
  readonly host: string;
  readonly repository: string;
}

export interface Platform {
  readonly os: 'linux';
  readonly architecture: 'amd64' | 'arm64';
}

export interface RegistryCall {
  readonly signal?: AbortSignal | undefined;
}

interface Ask {
  readonly operation: string;
  readonly target: Repository;
  /** Path below `/v2/<repository>/`, or an absolute URL (an upload's location). */
  readonly path: string | URL;
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT';
  readonly headers?: Record<string, string>;
  readonly body?: () => AsyncIterable<Uint8Array> | Uint8Array;
  readonly bodySize?: number;
  readonly push?: boolean;
  readonly call: RegistryCall;
}

/** What requests are made with. */
interface Transport {
  readonly agent: Agent;
  readonly request: typeof request;
}

/** Manifests are documents: a registry that answers with more is not trusted. */
const MANIFEST_BYTES_MAX = 4 * 1024 * 1024;
const CONFIG_BYTES_MAX = 8 * 1024 * 1024;
const REDIRECTS_MAX = 5;

const ACCEPT = [
  MEDIA_TYPES.ociManifest,
  MEDIA_TYPES.ociIndex,
  MEDIA_TYPES.dockerManifest,
  MEDIA_TYPES.dockerIndex,
].join(', ');

export class RegistryClient {
  readonly #options: RegistryClientOptions;
  /** `Authorization` by host, repository and right. */
  readonly #authorizations = new Map<string, string>();
  #transport: Promise<Transport> | undefined;

  constructor(options: RegistryClientOptions = {}) {
    this.#options = options;
  }

  /** Drops all connections. */
  async close(): Promise<void> {
    await (await this.#transport)?.agent.close();
  }

  #connected(): Promise<Transport> {
    this.#transport ??= transport(this.#options.timeoutMs ?? 30_000);
    return this.#transport;
  }

  /**
   * The manifest or index that a reference names, checked against its digest.
   * @throws Failure notFound, denied, throttled, transient
   */
  async manifest(reference: Reference, call: RegistryCall = {}): Promise<ManifestDocument> {
    return this.#idempotent(call, async () => {
      const answer = await this.#ask({
        operation: 'GetManifest',
        target: reference,
        path: `manifests/${reference.digest ?? reference.tag}`,
        method: 'GET',
        headers: { accept: ACCEPT },
        call,
      });
      const bytes = await readAll(answer, MANIFEST_BYTES_MAX, 'GetManifest');
      const digest = digestOf(bytes);
      const claimed = reference.digest ?? header(answer, 'docker-content-digest');
      if (claimed !== undefined && isDigest(claimed) && claimed !== digest)
        throw digestMismatch('GetManifest', claimed, digest);
      return { mediaType: mediaTypeOf(bytes, header(answer, 'content-type')), digest, bytes };
    });
  }

  /** Digest, type and size of a manifest, or undefined when there is none. Reads no body. */
  async headManifest(reference: Reference, call: RegistryCall = {}): Promise<Descriptor | undefined> {
    return this.#idempotent(call, async () => {
      const answer = await this.#askIfThere({
        operation: 'HeadManifest',
        target: reference,
        path: `manifests/${reference.digest ?? reference.tag}`,
        method: 'HEAD',
        headers: { accept: ACCEPT },
        call,
      });
      if (!answer) return undefined;
      const digest = header(answer, 'docker-content-digest') ?? reference.digest;
      // The header is optional in the specification: then only the body tells.
      if (digest === undefined || !isDigest(digest)) {
        const document = await this.manifest(reference, call);
        return { mediaType: document.mediaType, digest: document.digest, size: document.bytes.length };
      }
      return {
        mediaType: baseType(header(answer, 'content-type')),
        digest,
        size: Number(header(answer, 'content-length') ?? 0),
      };
    });
  }

  /**
   * The single-platform manifest that a reference means for `platform`: an index is followed, a plain manifest is
   * taken when its configuration says the same platform.
   * @throws Failure notFound when the image does not exist for that platform
   */
  async image(
    reference: Reference,
    platform: Platform,
    call: RegistryCall = {},
  ): Promise<BaseImage & { digest: Digest }> {
    const found = await this.manifest(reference, call);
    const document = INDEX_TYPES.has(found.mediaType)
      ? await this.manifest({ ...reference, tag: undefined, digest: fromIndex(reference, found, platform) }, call)
      : found;
    if (!MANIFEST_TYPES.has(document.mediaType)) {
      throw failure(
        'GetManifest',
        'UNSUPPORTED',
        'invalid',
        `${nameOf(reference)} is not an image but ${document.mediaType}`,
      );
    }
    const manifest = parse<ImageManifest>(document.bytes, 'GetManifest');
    const config = parse<ImageConfig>(await this.bytes(reference, manifest.config, CONFIG_BYTES_MAX, call), 'GetBlob');
    if (config.os !== platform.os || config.architecture !== platform.architecture)
      throw noPlatform(reference, platform);
    return { manifest, config, digest: document.digest };
  }

  /** Whether the repository has the blob. */
  async blobExists(target: Repository, digest: Digest, call: RegistryCall = {}): Promise<boolean> {
    return this.#idempotent(call, async () => {
      const ask = { operation: 'HeadBlob', target, path: `blobs/${digest}`, method: 'HEAD', call } as const;
      return (await this.#askIfThere(ask)) !== undefined;
    });
  }

  /** A small blob in memory, checked. */
  async bytes(
    target: Repository,
    descriptor: Descriptor,
    bytesMax: number,
    call: RegistryCall = {},
  ): Promise<Uint8Array> {
    if (descriptor.size > bytesMax) {
      throw failure(
        'GetBlob',
        'SIZE_INVALID',
        'invalid',
        `${descriptor.digest} has ${descriptor.size} bytes, more than ${bytesMax}`,
      );
    }
    return this.#idempotent(call, async () => {
      const held: Uint8Array[] = [];
      for await (const chunk of this.download(target, descriptor, call)) held.push(chunk);
      return Buffer.concat(held);
    });
  }

  /**
   * Streams a blob. Size and digest are checked at the end of the stream, which throws when they differ: what was
   * written until then must not be used.
   */
  async *download(
    target: Repository,
    descriptor: Pick<Descriptor, 'digest' | 'size'>,
    call: RegistryCall = {},
  ): AsyncGenerator<Uint8Array> {
    const { digest, size } = descriptor;
    const answer = await this.#ask({ operation: 'GetBlob', target, path: `blobs/${digest}`, method: 'GET', call });
    const hash = createHash('sha256');
    let received = 0;
    try {
      for await (const chunk of answer.body as AsyncIterable<Buffer>) {
        received += chunk.length;
        if (received > size) break;
        hash.update(chunk);
        yield chunk;
      }
    } catch (error) {
      throw transportFailure('GetBlob', error);
    }
    const actual: Digest = `sha256:${hash.digest('hex')}`;
    if (received !== size || actual !== digest) throw digestMismatch('GetBlob', digest, actual);
  }

  /** A blob of a registry as something that can be uploaded to another. */
  remoteBlob(target: Repository, descriptor: Descriptor, call: RegistryCall = {}): Blob {
    return { digest: descriptor.digest, size: descriptor.size, open: () => this.download(target, descriptor, call) };
  }

  /** Stores a blob by one monolithic upload. Idempotent; asks nothing before. */
  async upload(target: Repository, blob: Blob, call: RegistryCall = {}): Promise<void> {
    // Each attempt opens a session of its own, so repeating it is safe: the result has one name, its digest.
    await this.#idempotent(call, async () => {
      const session = await this.#ask({
        operation: 'StartUpload',
        target,
        path: 'blobs/uploads/',
        method: 'POST',
        push: true,
        call,
      });
      await session.body.dump();
      await this.#finishUpload(target, blob, session, call);
    });
  }

  /**
   * Makes a blob of one repository known in another of the same registry, without moving bytes where the registry can.
   * @returns false when the registry did not mount it (it must then be uploaded)
   */
  async mount(target: Repository, digest: Digest, fromRepository: string, call: RegistryCall = {}): Promise<boolean> {
    return this.#idempotent(call, async () => {
      const query = new URLSearchParams({ mount: digest, from: fromRepository });
      const answer = await this.#ask({
        operation: 'MountBlob',
        target,
        path: `blobs/uploads/?${query}`,
        method: 'POST',
        push: true,
        call,
      });
      await answer.body.dump();
      return answer.statusCode === 201;
    });
  }

  /** Stores a manifest under a tag or its digest. Its blobs must be there. */
  async pushManifest(
    target: Repository,
    reference: string,
    document: ManifestDocument,
    call: RegistryCall = {},
  ): Promise<void> {
    await this.#idempotent(call, async () => {
      const answer = await this.#ask({
        operation: 'PutManifest',
        target,
        path: `manifests/${reference}`,
        method: 'PUT',
        headers: { 'content-type': document.mediaType },
        body: () => document.bytes,
        bodySize: document.bytes.length,
        push: true,
        call,
      });
      await answer.body.dump();
    });
  }

  /**
   * Pushes a composed image: what is missing of its blobs (the base's by mount where it lies on the same registry),
   * then the manifest by digest, then the tag. Idempotent.
   */
  async pushImage(
    target: Repository,
    image: ComposedImage,
    options: RegistryCall & { tag?: string; base?: Repository | undefined; report?: (step: PushStep) => void } = {},
  ): Promise<void> {
    const call = { signal: options.signal };
    const made = new Map<string, Blob>([...image.layers, image.config].map((blob) => [blob.digest, blob]));
    for (const descriptor of [...image.manifest.layers, image.manifest.config]) {
      const { digest, size } = descriptor;
      if (await this.blobExists(target, digest, call)) {
        options.report?.({ digest, size, how: 'present' });
        continue;
      }
      const own = made.get(digest);
      const base = options.base;
      if (!own && !base)
        throw failure(
          'PutImage',
          'BLOB_UNKNOWN',
          'notFound',
          `${digest} is neither in ${target.repository} nor at hand`,
        );
      if (!own && base?.host === target.host && (await this.mount(target, digest, base.repository, call))) {
        options.report?.({ digest, size, how: 'mounted' });
        continue;
      }
      await this.upload(target, own ?? this.remoteBlob(base as Repository, descriptor, call), call);
      options.report?.({ digest, size, how: 'uploaded' });
    }
    await this.pushManifest(target, image.digest, image, call);
    if (options.tag !== undefined) await this.pushManifest(target, options.tag, image, call);
  }

  async #finishUpload(target: Repository, blob: Blob, session: Answer, call: RegistryCall): Promise<void> {
    const location = header(session, 'location');
    if (!location)
      throw failure('StartUpload', 'BLOB_UPLOAD_UNKNOWN', 'transient', 'the registry gave no upload location');
    const url = new URL(location, registryOrigin(target.host));
    url.searchParams.set('digest', blob.digest);
    const answer = await this.#ask({
      operation: 'FinishUpload',
      target,
      path: url,
      method: 'PUT',
      headers: { 'content-type': 'application/octet-stream' },
      body: () => blob.open(),
      bodySize: blob.size,
      push: true,
      call,
    });
    await answer.body.dump();
  }

  async #idempotent<T>(call: RegistryCall, work: () => Promise<T>): Promise<T> {
    const attempts = this.#options.attempts ?? 1;
    if (attempts <= 1) return work();
    try {
      return await pRetry(work, {
        retries: attempts - 1,
        minTimeout: this.#options.retryDelayMs ?? 500,
        ...(call.signal ? { signal: call.signal } : {}),
        shouldRetry: ({ error }) => isFailure(error, 'transient') || isFailure(error, 'throttled'),
      });
    } catch (error) {
      if (call.signal?.aborted) throw failure('Retry', 'AbortError', 'transient', 'aborted', error);
      throw error;
    }
  }

  async #askIfThere(ask: Ask): Promise<Answer | undefined> {
    try {
      const answer = await this.#ask(ask);
      await answer.body.dump();
      return answer;
    } catch (error) {
      if (isFailure(error, 'notFound')) return undefined;
      throw error;
    }
  }

  /** One request, authorised when the registry demands it, redirected where it sends us; an error status throws. */
  async #ask(ask: Ask): Promise<Answer> {
    const key = `${ask.target.host} ${ask.target.repository} ${ask.push ? 'push' : 'pull'}`;
    const known = this.#authorizations.get(key);
    let answer = await this.#send(ask, known);
    if (answer.statusCode === 401) {
      const challenge = header(answer, 'www-authenticate');
      await answer.body.dump();
      const authorization = await this.#authorize(ask, challenge);
      this.#authorizations.set(key, authorization);
      answer = await this.#send(ask, authorization);
    }
    if (answer.statusCode >= 300) throw await errorOf(ask, answer);
    return answer;
  }

  async #send(ask: Ask, authorization: string | undefined): Promise<Answer> {
    const origin = registryOrigin(ask.target.host);
    let url = ask.path instanceof URL ? ask.path : new URL(`/v2/${ask.target.repository}/${ask.path}`, origin);
    for (let hops = 0; ; hops++) {
      const answer = await this.#once(ask, url, url.origin === origin ? authorization : undefined);
      const location = answer.statusCode >= 300 && answer.statusCode < 400 ? header(answer, 'location') : undefined;
      // Only reads are redirected (blobs, to object storage), and the registry's authorisation stays with the registry.
      if (location === undefined || (ask.method !== 'GET' && ask.method !== 'HEAD')) return answer;
      await answer.body.dump();
      if (hops === REDIRECTS_MAX)
        throw failure(ask.operation, 'TooManyRedirects', 'transient', `too many redirects for ${url.pathname}`);
      url = new URL(location, url);
    }
  }

  async #once(ask: Ask, url: URL, authorization: string | undefined): Promise<Answer> {
    if (url.protocol !== 'https:' && !isLoopback(url.host)) {
      throw failure(
        ask.operation,
        'InsecureLocation',
        'denied',
        `the registry sends us to ${url.origin}, which is not encrypted`,
      );
    }
    const { request, agent } = await this.#connected();
    try {
      return await request(url, {
        method: ask.method,
        dispatcher: agent,
        headers: {
          'user-agent': 'lambdacontainer',
          ...ask.headers,
          ...(authorization === undefined ? {} : { authorization }),
          ...(ask.bodySize === undefined ? {} : { 'content-length': String(ask.bodySize) }),
        },
        // undici sends any async iterable of bytes; its types name only Node's streams.
        ...(ask.body ? { body: ask.body() as unknown as Dispatcher.DispatchOptions['body'] & {} } : {}),
        ...(ask.call.signal ? { signal: ask.call.signal } : {}),
      });
    } catch (error) {
      throw transportFailure(ask.operation, error);
    }
  }

  async #authorize(ask: Ask, header: string | undefined): Promise<string> {
    const { host, repository } = ask.target;
    const challenge = header === undefined ? undefined : parseChallenge(header);
    const credentials = await this.#options.credentials?.(host);
    const denied = (why: string) =>
      failure(ask.operation, 'UNAUTHORIZED', 'denied', `${host} refuses ${repository}: ${why}`);
    if (challenge?.scheme === 'basic') {
      if (!credentials) throw denied('it wants credentials');
      return basicAuthorization(credentials);
    }
    if (!challenge) throw denied(`it wants an authorisation this client does not know (${header ?? 'none named'})`);
    const url = tokenUrl(challenge, `repository:${repository}:${ask.push ? 'pull,push' : 'pull'}`);
    const tokenAsk: Ask = { operation: 'GetToken', target: ask.target, path: url, method: 'GET', call: ask.call };
    const answer = await this.#once(tokenAsk, url, credentials ? basicAuthorization(credentials) : undefined);
    if (answer.statusCode >= 300) throw await errorOf(tokenAsk, answer);
    const body = parse<{ token?: string; access_token?: string }>(
      await readAll(answer, MANIFEST_BYTES_MAX, 'GetToken'),
      'GetToken',
    );
    const token = body.token ?? body.access_token;
    if (!token) throw denied('its token service gave no token');
    return `Bearer ${token}`;
  }
}

/** What happened to one blob of a push. */
export interface PushStep {
  readonly digest: Digest;
  readonly size: number;
  readonly how: 'present' | 'mounted' | 'uploaded';
}

/** Loaded with the first request: it is large, and a daemon holds clients long before it needs one. */
async function transport(timeoutMs: number): Promise<Transport> {
  // By its default: a bundle gives a CommonJS module no other names.
  const {
    default: { Agent, request },
  } = await import('undici');
  const agent = new Agent({ connect: { timeout: timeoutMs }, headersTimeout: timeoutMs, bodyTimeout: timeoutMs });
  return { agent, request };
}

function fromIndex(reference: Reference, document: ManifestDocument, platform: Platform): Digest {
  const { manifests } = parse<ImageIndex>(document.bytes, 'GetManifest');
  const found = manifests.find(
    (entry) => entry.platform?.os === platform.os && entry.platform.architecture === platform.architecture,
  );
  if (!found) throw noPlatform(reference, platform);
  return found.digest;
}

function noPlatform(reference: Reference, platform: Platform): Failure {
  const message = `${nameOf(reference)} does not exist for ${platform.os}/${platform.architecture}`;
  return failure('GetManifest', 'PLATFORM_UNKNOWN', 'notFound', message);
}

function nameOf({ host, repository, tag, digest }: Reference): string {
  return `${host}/${repository}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}

/** `host/repository` of an image name without tag or digest. */
export function parseRepository(uri: string): Repository {
  const { host, repository } = parseReference(uri);
  return { host, repository };
}

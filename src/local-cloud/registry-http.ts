/**
 * The registry's HTTP: the OCI distribution specification 1.1 over ECR's images, as crane, skopeo and Docker use it.
 * Pulls need no login here (the port is a loopback one), pushes need the credentials of GetAuthorizationToken, as in
 * ECR, and a repository must exist before a push. Uploads go to temporary files and become blobs when their digest is
 * right. There is no catalog, no referrers listing and no deletion of blobs.
 */
import { createHash, type Hash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { systemRandom, uuid } from '../core/index.ts';
import { digestOf, isDigest } from '../oci/index.ts';
import { AwsError, type BlobStore } from './contract.ts';
import type { EcrService } from './services/ecr.ts';

export interface RegistryDeps {
  readonly ecr: EcrService;
  readonly blobs: BlobStore;
  /** Runs a change of the registry's state as one atomic step (see ServiceDeps). */
  readonly enter: (step: (nowMs: number) => void) => void;
}

const MANIFEST_BYTES_MAX = 4 * 1024 * 1024;
/** An upload that nobody continues. */
const UPLOAD_IDLE_MS = 3_600_000;

/** An error in the distribution format. */
class RegistryError extends Error {
  readonly status: number;
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;
  constructor(status: number, code: string, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.name = 'RegistryError';
    this.status = status;
    this.code = code;
    this.headers = headers;
  }
}

interface Upload {
  readonly id: string;
  readonly repository: string;
  readonly folder: string;
  readonly path: string;
  readonly hash: Hash;
  size: number;
  /** Two requests must not write one upload at once. */
  busy: boolean;
  touchedAtMs: number;
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  readonly repository: string;
  /** What follows the kind of thing in the path: a digest, a tag, an upload's id. */
  readonly name: string;
}

type Route = (exchange: Exchange) => Promise<void> | void;

/** ECR's refusals in the distribution's words. */
const FROM_AWS: Readonly<Record<string, { status: number; code: string }>> = {
  RepositoryNotFoundException: { status: 404, code: 'NAME_UNKNOWN' },
  LayersNotFoundException: { status: 400, code: 'MANIFEST_BLOB_UNKNOWN' },
  ReferencedImagesNotFoundException: { status: 400, code: 'MANIFEST_BLOB_UNKNOWN' },
  ImageTagAlreadyExistsException: { status: 400, code: 'TAG_INVALID' },
  UnsupportedImageTypeException: { status: 400, code: 'MANIFEST_INVALID' },
  InvalidParameterException: { status: 400, code: 'MANIFEST_INVALID' },
  ImageReferencedByManifestList: { status: 409, code: 'DENIED' },
};

/**
 * The handler of everything under `/v2/`. It answers every request itself and throws nothing but programmers' errors,
 * which end the connection.
 */
export function handleRegistry(
  deps: RegistryDeps,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const registry = new Registry(deps);
  return (request, response) => registry.handle(request, response);
}

class Registry {
  readonly #ecr: EcrService;
  readonly #blobs: BlobStore;
  readonly #enter: RegistryDeps['enter'];
  readonly #uploads = new Map<string, Upload>();

  constructor(deps: RegistryDeps) {
    this.#ecr = deps.ecr;
    this.#blobs = deps.blobs;
    this.#enter = deps.enter;
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader('docker-distribution-api-version', 'registry/2.0');
    try {
      const url = new URL(request.url ?? '/', 'http://registry');
      if (/^\/v2\/?$/.test(url.pathname)) return this.#ping(request, response);
      const found = this.#route(request.method ?? 'GET', url.pathname);
      await found.route({ request, response, url, repository: found.repository, name: found.name });
    } catch (error) {
      // A client that went away in the middle of an upload.
      if (request.destroyed && !request.complete) return void response.destroy();
      const refusal = toRegistryError(error);
      if (!refusal) throw error;
      if (response.headersSent) return void response.destroy();
      // What the client still sends is not read: the connection cannot be used again.
      if (hasBody(request) && !request.complete) response.setHeader('connection', 'close');
      answer(
        response,
        refusal.status,
        { 'content-type': 'application/json', ...refusal.headers },
        JSON.stringify({ errors: [{ code: refusal.code, message: refusal.message }] }),
      );
    }
  }

  #route(method: string, path: string): { route: Route; repository: string; name: string } {
    const routes: [pattern: RegExp, methods: Record<string, Route>][] = [
      [/^\/v2\/(.+)\/blobs\/uploads\/?()$/, { POST: this.#startUpload }],
      [
        /^\/v2\/(.+)\/blobs\/uploads\/([^/]+)$/,
        { GET: this.#uploadStatus, PATCH: this.#continueUpload, PUT: this.#finishUpload, DELETE: this.#cancelUpload },
      ],
      [/^\/v2\/(.+)\/blobs\/([^/]+)$/, { GET: this.#getBlob, HEAD: this.#getBlob }],
      [
        /^\/v2\/(.+)\/manifests\/([^/]+)$/,
        { GET: this.#getManifest, HEAD: this.#getManifest, PUT: this.#putManifest, DELETE: this.#deleteManifest },
      ],
      [/^\/v2\/(.+)\/tags\/list()$/, { GET: this.#listTags }],
    ];
    for (const [pattern, methods] of routes) {
      const match = pattern.exec(path);
      if (!match) continue;
      const route = methods[method];
      if (!route)
        throw new RegistryError(405, 'UNSUPPORTED', `${method} is not supported here`, {
          allow: Object.keys(methods).join(', '),
        });
      return { route, repository: match[1] ?? '', name: decodeURIComponent(match[2] ?? '') };
    }
    throw new RegistryError(404, 'UNSUPPORTED', `The registry has no ${path}`);
  }

  /** Clients learn from the ping how to log in; those that only pull may go on without. */
  #ping(request: IncomingMessage, response: ServerResponse): void {
    if (request.headers.authorization === undefined) throw unauthorized(request);
    answer(response, 200, { 'content-type': 'application/json' }, '{}');
  }

  // ------------------------------------------------------------------------------------------------------ manifests

  readonly #getManifest: Route = ({ request, response, repository, name }) => {
    this.#requireRepository(repository);
    const manifest = this.#ecr.manifest(repository, name);
    if (!manifest) throw new RegistryError(404, 'MANIFEST_UNKNOWN', 'Requested image not found');
    const headers = { 'content-type': manifest.mediaType, 'docker-content-digest': manifest.digest };
    answer(response, 200, headers, manifest.bytes, request.method === 'HEAD');
  };

  readonly #putManifest: Route = async ({ request, response, repository, name }) => {
    this.#requirePush(request, repository);
    const bytes = await readBody(request, MANIFEST_BYTES_MAX);
    const mediaType = (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim() ?? '';
    if (name.includes(':') && name !== digestOf(bytes)) {
      throw new RegistryError(400, 'DIGEST_INVALID', `The manifest's digest is ${digestOf(bytes)}, not ${name}`);
    }
    const digest = await this.#step((nowMs) => this.#ecr.putManifest(repository, name, mediaType, bytes, nowMs));
    answer(response, 201, { location: `/v2/${repository}/manifests/${digest}`, 'docker-content-digest': digest });
  };

  readonly #deleteManifest: Route = async ({ request, response, repository, name }) => {
    this.#requirePush(request, repository);
    const deleted = await this.#step((nowMs) => this.#ecr.deleteManifest(repository, name, nowMs));
    if (!deleted) throw new RegistryError(404, 'MANIFEST_UNKNOWN', 'Requested image not found');
    answer(response, 202, {});
  };

  readonly #listTags: Route = ({ response, url, repository }) => {
    this.#requireRepository(repository);
    const last = url.searchParams.get('last');
    const after = this.#ecr.tags(repository).filter((tag) => last === null || tag > last);
    const limit = url.searchParams.has('n') ? Number(url.searchParams.get('n')) : after.length;
    if (!Number.isInteger(limit) || limit < 0)
      throw new RegistryError(400, 'PAGINATION_NUMBER_INVALID', 'n must be a whole number');
    const tags = after.slice(0, limit);
    const more = tags.length < after.length && tags.length > 0;
    const next = `/v2/${repository}/tags/list?${new URLSearchParams({ n: String(limit), last: tags.at(-1) ?? '' })}`;
    const headers = { 'content-type': 'application/json', ...(more ? { link: `<${next}>; rel="next"` } : {}) };
    answer(response, 200, headers, JSON.stringify({ name: repository, tags }));
  };

  // ---------------------------------------------------------------------------------------------------------- blobs

  readonly #getBlob: Route = ({ request, response, repository, name }) => {
    this.#requireRepository(repository);
    if (!isDigest(name)) throw new RegistryError(400, 'DIGEST_INVALID', `${name} is not a sha256 digest`);
    if (!this.#ecr.hasBlob(repository, name))
      throw new RegistryError(404, 'BLOB_UNKNOWN', `The repository has no blob ${name}`);
    const size = this.#blobs.size(name) ?? 0;
    const headers = {
      'content-type': 'application/octet-stream',
      'docker-content-digest': name,
      'accept-ranges': 'bytes',
      etag: `"${name}"`,
    };
    if (request.method === 'HEAD')
      return answer(response, 200, { ...headers, 'content-length': String(size) }, undefined, true);
    const range = rangeOf(request.headers.range, size);
    if (range === 'unsatisfiable') {
      throw new RegistryError(416, 'RANGE_INVALID', `The blob has ${size} bytes`, {
        'content-range': `bytes */${size}`,
      });
    }
    const bytes = this.#blobs.read(name);
    if (!range) return answer(response, 200, headers, bytes);
    const part = bytes.subarray(range.start, range.end + 1);
    answer(response, 206, { ...headers, 'content-range': `bytes ${range.start}-${range.end}/${size}` }, part);
  };

  readonly #startUpload: Route = async ({ request, response, url, repository }) => {
    this.#requirePush(request, repository);
    const mounted = url.searchParams.get('mount');
    const from = url.searchParams.get('from');
    if (mounted !== null && from !== null && this.#ecr.hasBlob(from, mounted)) {
      await this.#step(() => this.#ecr.linkBlob(repository, mounted));
      return created(response, repository, mounted);
    }
    const upload = await this.#openUpload(repository);
    const digest = url.searchParams.get('digest');
    if (digest === null) return accepted(response, upload, 202);
    await this.#write(upload, request);
    await this.#complete(upload, digest, response);
  };

  readonly #uploadStatus: Route = ({ request, response, repository, name }) => {
    this.#requirePush(request, repository);
    accepted(response, this.#upload(repository, name), 204);
  };

  readonly #continueUpload: Route = async ({ request, response, repository, name }) => {
    this.#requirePush(request, repository);
    const upload = this.#upload(repository, name);
    const range = /^(?:bytes )?(\d+)-(\d+)/.exec(request.headers['content-range'] ?? '');
    if (range && Number(range[1]) !== upload.size) {
      throw new RegistryError(
        416,
        'BLOB_UPLOAD_INVALID',
        `The upload continues at byte ${upload.size}`,
        uploadHeaders(upload),
      );
    }
    await this.#write(upload, request);
    accepted(response, upload, 202);
  };

  readonly #finishUpload: Route = async ({ request, response, url, repository, name }) => {
    this.#requirePush(request, repository);
    const upload = this.#upload(repository, name);
    const digest = url.searchParams.get('digest') ?? '';
    await this.#write(upload, request);
    await this.#complete(upload, digest, response);
  };

  readonly #cancelUpload: Route = async ({ request, response, repository, name }) => {
    this.#requirePush(request, repository);
    await this.#discard(this.#upload(repository, name));
    answer(response, 204, {});
  };

  async #openUpload(repository: string): Promise<Upload> {
    const nowMs = await this.#step((stepMs) => stepMs);
    for (const upload of this.#uploads.values()) {
      if (!upload.busy && nowMs - upload.touchedAtMs > UPLOAD_IDLE_MS) await this.#discard(upload);
    }
    const folder = await mkdtemp(join(tmpdir(), 'lambdacontainer-upload-'));
    const upload: Upload = {
      id: uuid(systemRandom),
      repository,
      folder,
      path: join(folder, 'blob'),
      hash: createHash('sha256'),
      size: 0,
      busy: false,
      touchedAtMs: nowMs,
    };
    this.#uploads.set(upload.id, upload);
    return upload;
  }

  #upload(repository: string, id: string): Upload {
    const upload = this.#uploads.get(id);
    if (upload?.repository !== repository)
      throw new RegistryError(404, 'BLOB_UPLOAD_UNKNOWN', `There is no upload ${id}`);
    if (upload.busy) throw new RegistryError(409, 'BLOB_UPLOAD_INVALID', 'Another request is writing to this upload');
    return upload;
  }

  /** Appends a request's body. A body that breaks off ends the upload: how much of it arrived is not known to the client. */
  async #write(upload: Upload, request: IncomingMessage): Promise<void> {
    upload.busy = true;
    const counted = async function* (body: AsyncIterable<Buffer>) {
      for await (const chunk of body) {
        upload.hash.update(chunk);
        upload.size += chunk.length;
        yield chunk;
      }
    };
    try {
      await pipeline(request, counted, createWriteStream(upload.path, { flags: 'a' }));
    } catch (error) {
      await this.#discard(upload);
      throw error;
    }
    upload.touchedAtMs = await this.#step((nowMs) => nowMs);
    upload.busy = false;
  }

  async #complete(upload: Upload, digest: string, response: ServerResponse): Promise<void> {
    const actual = digestOfHash(upload.hash);
    try {
      if (digest !== actual)
        throw new RegistryError(400, 'DIGEST_INVALID', `The content's digest is ${actual}, not ${digest}`);
      if (!this.#blobs.has(actual)) this.#blobs.write(await readFile(upload.path));
      await this.#step(() => this.#ecr.linkBlob(upload.repository, actual));
    } finally {
      await this.#discard(upload);
    }
    created(response, upload.repository, actual);
  }

  async #discard(upload: Upload): Promise<void> {
    this.#uploads.delete(upload.id);
    await rm(upload.folder, { recursive: true, force: true });
  }

  // ---------------------------------------------------------------------------------------------------------- rules

  #requireRepository(repository: string): void {
    if (!this.#ecr.repository(repository)) {
      throw new RegistryError(
        404,
        'NAME_UNKNOWN',
        `The repository with name '${repository}' does not exist in the registry`,
      );
    }
  }

  #requirePush(request: IncomingMessage, repository: string): void {
    if (!hasAwsCredentials(request.headers.authorization)) throw unauthorized(request);
    this.#requireRepository(repository);
    if (this.#ecr.repository(repository)?.public)
      throw new RegistryError(403, 'DENIED', `'${repository}' stands in for a public repository and is read only`);
  }

  /** Runs a step; an error of the service is the caller's, and nothing has changed then. */
  #step<T>(work: (nowMs: number) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#enter((nowMs) => {
        try {
          resolve(work(nowMs));
        } catch (error) {
          reject(error);
        }
      });
    });
  }
}

function answer(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  body?: Uint8Array | string | undefined,
  headOnly = false,
): void {
  const length = body === undefined ? 0 : typeof body === 'string' ? Buffer.byteLength(body) : body.length;
  response.writeHead(status, status === 204 ? headers : { 'content-length': String(length), ...headers });
  response.end(headOnly ? undefined : body);
}

function created(response: ServerResponse, repository: string, digest: string): void {
  answer(response, 201, { location: `/v2/${repository}/blobs/${digest}`, 'docker-content-digest': digest });
}

function accepted(response: ServerResponse, upload: Upload, status: 202 | 204): void {
  answer(response, status, uploadHeaders(upload));
}

function uploadHeaders(upload: Upload): Record<string, string> {
  return {
    location: `/v2/${upload.repository}/blobs/uploads/${upload.id}`,
    'docker-upload-uuid': upload.id,
    // The last byte, as the specification has it; nothing yet is 0-0 in every registry.
    range: `0-${Math.max(0, upload.size - 1)}`,
  };
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** ECR's credentials: user AWS and a password that GetAuthorizationToken gave. The local cloud signs nothing, so any will do. */
function hasAwsCredentials(authorization: string | undefined): boolean {
  const [scheme = '', encoded = ''] = (authorization ?? '').split(' ');
  const [user, ...password] = Buffer.from(encoded, 'base64').toString('utf8').split(':');
  return scheme.toLowerCase() === 'basic' && user === 'AWS' && password.join(':') !== '';
}

function unauthorized(request: IncomingMessage): RegistryError {
  const realm = `http://${request.headers.host ?? 'localhost'}/`;
  return new RegistryError(401, 'UNAUTHORIZED', 'Log in with the password of ecr:GetAuthorizationToken (user AWS)', {
    'www-authenticate': `Basic realm="${realm}",service="ecr.amazonaws.com"`,
  });
}

function toRegistryError(error: unknown): RegistryError | undefined {
  if (error instanceof RegistryError) return error;
  if (error instanceof URIError) return new RegistryError(400, 'NAME_INVALID', 'The path is not properly encoded');
  if (!(error instanceof AwsError)) return undefined;
  const known = FROM_AWS[error.code];
  return new RegistryError(known?.status ?? error.statusCode, known?.code ?? 'UNKNOWN', error.message);
}

async function readBody(request: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > bytesMax) throw new RegistryError(413, 'MANIFEST_INVALID', `A manifest has ${bytesMax} bytes at most`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** One range of a `Range` header; undefined when there is none that we serve. */
function rangeOf(
  header: string | undefined,
  size: number,
): { start: number; end: number } | 'unsatisfiable' | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  if (!match || (match[1] === '' && match[2] === '')) return undefined;
  const start = match[1] === '' ? Math.max(0, size - Number(match[2])) : Number(match[1]);
  const end = match[1] === '' || match[2] === '' ? size - 1 : Math.min(Number(match[2]), size - 1);
  return start > end || start >= size ? 'unsatisfiable' : { start, end };
}

function digestOfHash(hash: Hash): string {
  return `sha256:${hash.digest('hex')}`;
}

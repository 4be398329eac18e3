/** The links that Lambda hands out for code and layers: reads of blobs by digest. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { BlobStore } from './contract.ts';

/** Answers `/_lambda/code/<digest>` and `/_lambda/layer/<digest>`. */
export function handleDownloads(blobs: BlobStore): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    const path = (request.url ?? '').split('?')[0] ?? '';
    const digest = decodeURIComponent(/^\/_lambda\/(?:code|layer)\/(.+)$/.exec(path)?.[1] ?? '');
    if (request.method !== 'GET' || !blobs.has(digest)) {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('no such download\n');
      return;
    }
    const bytes = blobs.read(digest);
    response.writeHead(200, { 'content-type': 'application/zip', 'content-length': bytes.byteLength }).end(bytes);
  };
}

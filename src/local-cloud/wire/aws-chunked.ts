/**
 * Bodies in the content encoding `aws-chunked`, in which clients send streams whose checksum they know at the end:
 * chunks with their lengths, then the checksum as a trailer. Signatures of chunks are passed over, as all are here.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
 */
import { AwsError } from '../contract.ts';
import type { WireRequest } from './protocols.ts';

const CODING = 'aws-chunked';

/** The request with its body as it is meant, and trailers as headers. @throws AwsError when the chunks are no chunks */
export function unchunked(request: WireRequest): WireRequest {
  const { headers } = request;
  const codings = String(headers['content-encoding'] ?? '')
    .split(',')
    .map((coding) => coding.trim());
  const isStreaming = String(headers['x-amz-content-sha256'] ?? '').startsWith('STREAMING-');
  if (!isStreaming && !codings.includes(CODING)) return request;
  const { body, trailers } = chunksOf(request.body);
  const declared = headers['x-amz-decoded-content-length'];
  if (declared !== undefined && Number(declared) !== body.length) {
    throw new AwsError('IncompleteBody', 'The request body does not have as many bytes as it says it would');
  }
  const left = codings.filter((coding) => coding !== CODING && coding !== '').join(',');
  return {
    ...request,
    body,
    headers: {
      ...headers,
      ...trailers,
      'content-length': String(body.length),
      'content-encoding': left === '' ? undefined : left,
    },
  };
}

function chunksOf(encoded: Buffer): { body: Buffer; trailers: Record<string, string> } {
  const chunks: Buffer[] = [];
  let at = 0;
  for (;;) {
    const head = lineAt(encoded, at);
    const length = /^([0-9a-fA-F]{1,8})(?:;|$)/.exec(head.text)?.[1];
    if (length === undefined) throw malformed();
    at = head.next;
    const size = Number.parseInt(length, 16);
    if (size === 0) break;
    if (encoded.toString('latin1', at + size, at + size + 2) !== '\r\n') throw malformed();
    chunks.push(encoded.subarray(at, at + size));
    at += size + 2;
  }
  const trailers: Record<string, string> = {};
  while (at < encoded.length) {
    const { text, next } = lineAt(encoded, at);
    at = next;
    const colon = text.indexOf(':');
    if (colon > 0) trailers[text.slice(0, colon).trim().toLowerCase()] = text.slice(colon + 1).trim();
  }
  return { body: Buffer.concat(chunks), trailers };
}

function lineAt(encoded: Buffer, at: number): { text: string; next: number } {
  const end = encoded.indexOf('\r\n', at, 'latin1');
  if (end === -1) throw malformed();
  return { text: encoded.toString('latin1', at, end), next: end + 2 };
}

function malformed(): AwsError {
  return new AwsError('IncompleteBody', 'The request body is not encoded in aws-chunked, as its headers say');
}

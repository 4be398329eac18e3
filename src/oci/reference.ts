/**
 * Image references, `host[:port]/repository[:tag][@digest]`, with Docker Hub's short forms completed as Docker does.
 */
import { UserError } from '../core/index.ts';
import { type Digest, isDigest } from './digest.ts';

export interface Reference {
  readonly host: string;
  readonly repository: string;
  readonly tag: string | undefined;
  readonly digest: Digest | undefined;
}

const REPOSITORY = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

/** @throws UserError when the text is not an image reference */
export function parseReference(text: string): Reference {
  const [named = '', digest, ...more] = text.split('@');
  const slash = named.indexOf('/');
  const first = slash < 0 ? '' : named.slice(0, slash);
  const hasHost = first === 'localhost' || first.includes('.') || first.includes(':');
  const path = hasHost ? named.slice(slash + 1) : named;
  const colon = path.lastIndexOf(':');
  const tag = colon < 0 ? undefined : path.slice(colon + 1);
  const name = colon < 0 ? path : path.slice(0, colon);
  const onHub = !hasHost || first === 'docker.io';
  const repository = onHub && !name.includes('/') ? `library/${name}` : name;
  if (more.length > 0 || !REPOSITORY.test(repository) || (tag !== undefined && !TAG.test(tag))) {
    throw new UserError(`not an image reference: ${JSON.stringify(text)}`);
  }
  if (digest !== undefined && !isDigest(digest)) throw new UserError(`not a sha256 digest: ${JSON.stringify(text)}`);
  return {
    host: onHub ? 'registry-1.docker.io' : first,
    repository,
    tag: tag ?? (digest === undefined ? 'latest' : undefined),
    digest,
  };
}

/** `http://` for loopback hosts, `https://` for all others. */
export function registryOrigin(host: string): string {
  return `${isLoopback(host) ? 'http' : 'https'}://${host}`;
}

/** True for `localhost`, 127.0.0.0/8 and `[::1]`, with or without a port. */
export function isLoopback(host: string): boolean {
  const name = host.replace(/:\d+$/, '');
  return name === 'localhost' || name === '[::1]' || /^127(\.\d{1,3}){3}$/.test(name);
}

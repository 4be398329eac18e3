/**
 * Whether a webhook is genuine: GitHub's HMAC over the body, which Gitea, Forgejo and Bitbucket send as well, or
 * GitLab's token. What it says is not read: it only makes a source look for itself, so a replayed or invented one can
 * at most cause a look. A source that is not there, one without a secret, and a wrong signature get the same answer.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

export interface WebhookRequest {
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Uint8Array;
}

export interface WebhookAnswer {
  readonly status: 202 | 401 | 503;
  readonly message: string;
  /** The source should look now. */
  readonly wakes?: boolean;
}

const REFUSED: WebhookAnswer = { status: 401, message: 'no such source, or the signature does not fit' };
/** Compared with where there is no secret, so that the time is the same. */
const NOBODYS = 'no secret is this one, and no header can be signed with it';
/** Sent when a webhook is set up; nothing was pushed. */
const PING = new Set(['ping', 'diagnostics:ping']);

/** Pure. `secret`: the webhook's, or undefined when there is none to compare with. */
export function acceptWebhook({ headers, body }: WebhookRequest, secret: string | undefined): WebhookAnswer {
  const signature = headers['x-hub-signature-256'] ?? headers['x-hub-signature'];
  const token = headers['x-gitlab-token'];
  const isSigned = isSignature(signature, body, secret ?? NOBODYS);
  const isTold = sameText(token ?? '', secret ?? NOBODYS);
  if (secret === undefined || !(isSigned || isTold)) return REFUSED;
  const event = headers['x-github-event'] ?? headers['x-gitlab-event'] ?? headers['x-event-key'] ?? '';
  return PING.has(event) ? { status: 202, message: 'pong' } : { status: 202, message: 'accepted', wakes: true };
}

function isSignature(header: string | undefined, body: Uint8Array, secret: string): boolean {
  const given = /^sha256=([0-9a-f]{64})$/i.exec(header ?? '')?.[1];
  const expected = createHmac('sha256', secret).update(body).digest();
  return timingSafeEqual(expected, Buffer.from(given ?? '0'.repeat(64), 'hex')) && given !== undefined;
}

/** In a time that depends on neither: both are hashed first. */
function sameText(a: string, b: string): boolean {
  const hash = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(a), hash(b));
}

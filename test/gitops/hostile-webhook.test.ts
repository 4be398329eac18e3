/** A webhook's headers and body come from anybody: none but the holder of the secret is believed, and nothing throws. */
import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { acceptWebhook } from '../../src/gitops/webhook.ts';

const SECRET = 'a secret of some length';
const numRuns = process.env.EVERY ? 50_000 : 1_000;
const body = fc.uint8Array({ maxLength: 200 });
const hex = fc.array(fc.constantFrom(...'0123456789abcdefABCDEF'), { maxLength: 70 }).map((all) => all.join(''));
const value = fc.oneof(
  fc.string({ unit: 'binary' }),
  hex.map((digits) => `sha256=${digits}`),
  hex.map((digits) => `sha1=${digits}`),
  fc.constantFrom('', 'sha256=', 'ping', SECRET.slice(1), `${SECRET} `, 'no secret is this one'),
);
const headers = fc.dictionary(
  fc.constantFrom('x-hub-signature-256', 'x-hub-signature', 'x-gitlab-token', 'x-github-event', '__proto__', 'x'),
  value,
);

it('believes nobody without the secret', () => {
  fc.assert(
    fc.property(headers, body, fc.option(fc.constant(SECRET), { nil: undefined }), (sent, bytes, secret) => {
      expect(acceptWebhook({ headers: sent, body: bytes }, secret)).toMatchObject({ status: 401 });
    }),
    { numRuns },
  );
});

it('believes no signature of another body', () => {
  fc.assert(
    fc.property(body, body, (signed, sent) => {
      const signature = `sha256=${createHmac('sha256', SECRET).update(signed).digest('hex')}`;
      const { status } = acceptWebhook({ headers: { 'x-hub-signature-256': signature }, body: sent }, SECRET);
      expect(status).toBe(Buffer.compare(signed, sent) === 0 ? 202 : 401);
    }),
    { numRuns },
  );
});

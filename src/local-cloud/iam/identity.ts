/**
 * Who signs a request: the account's root, a user by a long-lived key, or a session of a role. What is known of them is
 * read once per key by the IAM machine; nothing here decides anything.
 */
import type { Attached } from './evaluate.ts';

/** What a request carries; the local cloud does not verify signatures. */
export interface Credentials {
  readonly accessKeyId: string;
  readonly sessionToken?: string | undefined;
}

export interface Identity {
  /** As in messages and CloudTrail: `arn:aws:sts::…:assumed-role/role/session`. */
  readonly arn: string;
  /** As policies name it: itself, and for a session its role. */
  readonly arns: readonly string[];
  readonly userId: string;
  readonly accountId: string;
  readonly name: string;
  readonly type: 'Account' | 'User' | 'AssumedRole';
  readonly tags: Readonly<Record<string, string>>;
  /** Identity policies; undefined for the account's root, whom no policy limits. */
  readonly policies: readonly Attached[] | undefined;
}

export type Identified =
  | { readonly identity: Identity; readonly problem?: undefined }
  | { readonly identity?: undefined; readonly problem: 'unknown' | 'expired' };

/** These access keys are the account's root: what `npm start` and its examples sign with. */
export const ROOT_ACCESS_KEYS: readonly string[] = ['local', 'test'];

/**
 * The schema of GitSource's spec: which repository is followed, how it is read and trusted, and what its manifests may
 * do to desired records. Rules over several fields are in `../source-rules.ts`; whether the repository exists or a
 * signature holds is not its business.
 */
import { validRange } from 'semver';
import * as z from 'zod';
import {
  atMost,
  dnsLabel,
  duration,
  durationMs,
  integer,
  notes,
  pattern,
  refusing,
  roleArn,
  text,
  variableName,
} from './fields.ts';
import { gitUrl } from './git-url.ts';

/** What `git check-ref-format` refuses, and a leading hyphen, which could pass for an option. */
const refName = refusing(
  pattern(/^[^\p{Z}\p{C}~^:?*[\\]+$/u, 'is not a name of a branch or tag; leave out spaces and ~ ^ : ? * [ \\', 255),
  [
    { matches: /^-/, phrase: 'begins with a hyphen; git would read it as an option' },
    { matches: /^refs\//, phrase: "is a full reference; leave out 'refs/heads/' or 'refs/tags/'" },
    { matches: /\.\.|@\{|^@$/, phrase: "is not a name of a branch or tag; it may not contain '..' or '@{'" },
    {
      matches: /^\/|\/\/|\/$|^\.|\/\./,
      phrase: 'is not a name of a branch or tag; none of its parts is empty or begins with a dot',
    },
    {
      matches: /\.lock(\/|$)|\.$/,
      phrase: "is not a name of a branch or tag; no part ends in '.lock', nor it in a dot",
    },
  ],
);

const semverRange = text(255).refine((value) => validRange(value) !== null, {
  error: "is not a range of versions; write it like '>=1.2.0 <2.0.0', '1.x' or '^1.4.0'",
});

const repositoryPath = refusing(text(1024), [
  { matches: /^\//, phrase: 'begins with /; give it relative to the repository, e.g. deploy/production' },
  { matches: /(^|\/)\.\.(\/|$)/, phrase: "contains '..'; it may not lead out of the repository" },
  { matches: /\\|\p{Cc}/u, phrase: 'has a backslash or a control character; use letters, digits and /' },
]);

export const secretName = pattern(
  /^(arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[\w/+=.@-]+|[\w/+=.@-]{1,512})$/,
  'is neither the name nor the ARN of a Secrets Manager secret; names have letters, digits and /_+=.@-',
);

const KEY_TYPE =
  '(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-ssh-ed25519@openssh\\.com|sk-ecdsa-sha2-nistp256@openssh\\.com)';

/** A block of armour, or one line: who signs, options, type of the key, key, comment. */
const SIGNER = new RegExp(
  `^(-----BEGIN PGP PUBLIC KEY BLOCK-----\\s[\\s\\S]+-----END PGP PUBLIC KEY BLOCK-----|[^\\s#-]\\S*[ \\t](.*[ \\t])?${KEY_TYPE}[ \\t]+AAAA[A-Za-z0-9+/]+=*([ \\t].*)?)\\n*$`,
);

const signer = z
  .string()
  .max(16_384)
  .superRefine((value, context) => {
    const message = signerDefect(value);
    if (message) context.addIssue({ code: 'custom', message });
  })
  .meta({ pattern: SIGNER.source });

function signerDefect(value: string): string | undefined {
  if (SIGNER.test(value)) return undefined;
  if (value.includes('PRIVATE KEY')) return 'is a private key, which belongs to the signer alone; give the public one';
  if (new RegExp(`^\\s*${KEY_TYPE}\\s`).test(value))
    return 'does not say who signs with the key; write the signer before it: alice@example.com ssh-ed25519 AAAA…';
  if (/\n/.test(value.trim()))
    return 'has several lines; give each line of an allowed-signers file as an entry of its own';
  return 'is not a public key; give an armoured OpenPGP public key, or a line of an allowed-signers file: alice@example.com ssh-ed25519 AAAA…';
}

export const gitSourceSpecSchema = z
  .strictObject({
    url: gitUrl.meta(
      notes({
        description: 'URL of the repository.',
        limits: '`https://`, `ssh://` or `file://`; `http://` for this machine only (`127.0.0.1`, `localhost`)',
      }),
    ),
    ref: z
      .strictObject({
        branch: refName.meta(notes({ description: 'Branch.' })).optional(),
        tag: refName.meta(notes({ description: 'Tag.' })).optional(),
        semver: semverRange
          .meta(notes({ description: 'Range of versions, e.g. `>=1.2.0 <2.0.0`; the highest tag in it is used.' }))
          .optional(),
        commit: pattern(
          /^[0-9a-f]{40}([0-9a-f]{24})?$/,
          'is not a commit; give all 40 hexadecimal digits, in lower case',
        )
          .meta(notes({ description: 'Commit.' }))
          .optional(),
      })
      .meta(
        notes({
          description: 'What to follow: exactly one of the members.',
          mandatory: true,
          cel: [
            {
              rule: '[has(self.branch), has(self.tag), has(self.semver), has(self.commit)].filter(x, x).size() == 1',
              message: 'give exactly one of branch, tag, semver, commit',
            },
          ],
        }),
      )
      // Prefaulted so that the rule can name what is missing together with all other defects.
      .prefault({}),
    path: repositoryPath
      .meta(notes({ description: 'Folder with manifests, relative to the repository; folders in it are read too.' }))
      .default('.'),
    interval: duration('10s', '1d')
      .meta(notes({ description: 'Time between two fetches.', unit: 'duration', limits: '10s to 1d' }))
      .default('1m'),
    timeout: duration('1s', '1h')
      .meta(notes({ description: 'Longest time of one fetch.', unit: 'duration', limits: '1s to 1h' }))
      .default('1m'),
    secretRef: secretName
      .meta(
        notes({
          description:
            'Name or ARN of a Secrets Manager secret: JSON with `username` and `password`, or `token`, or `identity` (an SSH private key) and `knownHosts`; `caCertificate` where the server has one of your own; and `webhook`, the secret that a webhook is signed with.',
          defaultText: 'none: no credentials',
        }),
      )
      .optional(),
    verify: z
      .strictObject({
        signers: z
          .array(
            signer.meta(
              notes({ description: 'An armoured OpenPGP public key, or one line of an allowed-signers file.' }),
            ),
          )
          .min(1)
          .max(50)
          .meta(notes({ description: 'Public keys, one of which must have signed the commit.' })),
      })
      .meta(notes({ description: 'Required signers.' }))
      .optional(),
    prune: z
      .strictObject({
        enabled: z
          .boolean()
          .meta(notes({ description: 'Delete objects whose manifests are gone.' }))
          .default(false),
        maxDeletePercent: integer(0, 100)
          .meta(
            notes({
              description: 'Share of the objects of this source that one commit may delete; three always may.',
              unit: 'percent',
            }),
          )
          .default(20),
      })
      .meta(notes({ description: 'Deletion.' }))
      .prefault({}),
    drift: z
      .enum(['correct', 'report'])
      .meta(
        notes({
          description: 'What to do with a record that somebody edited by hand: put it right, or only report it.',
        }),
      )
      .default('correct'),
    suspend: z
      .boolean()
      .meta(notes({ description: 'Leave everything as it is.' }))
      .default(false),
    targetNamespace: dnsLabel
      .meta(
        notes({
          description: 'The only namespace that it may write; objects that name none go there.',
          defaultText: 'any',
        }),
      )
      .optional(),
    substitute: z
      .record(variableName, z.string().max(4096))
      .check(atMost(200))
      .meta(notes({ maxProperties: 200, description: 'Values for variables in manifests, by name.' }))
      .default({}),
    dependsOn: z
      .array(dnsLabel)
      .max(50)
      .meta(notes({ description: 'Names of GitSources that must be Ready first.', listType: 'set' }))
      .default([]),
    roleArn: roleArn
      .meta(
        notes({
          description: 'Role that is assumed to write records; its policy says which namespaces the source may touch.',
          defaultText: "the daemon's own",
        }),
      )
      .optional(),
    externalId: pattern(
      /^[\w+=,.@:/-]{2,}$/,
      'is not an external id; STS allows 2 to 1,224 letters, digits and +=,.@:/-',
      1224,
    )
      .meta(notes({ description: 'External id that the role asks for.' }))
      .optional(),
  })
  .meta(
    notes({
      description: 'What is followed.',
      cel: [{ rule: '!has(self.externalId) || has(self.roleArn)', message: 'externalId needs roleArn' }],
    }),
  )
  .transform(({ interval, timeout, ...rest }) => ({
    ...rest,
    intervalMs: durationMs(interval),
    timeoutMs: durationMs(timeout),
  }));

/** The schema of GitSource's spec. This version knows the kind, for the CRD and the reference, and does not run it. */
import * as z from 'zod';
import { atMost, dnsLabel, duration, integer, notes, pattern, text, url } from './fields.ts';

export const gitSourceSpecSchema = z
  .strictObject({
    url: url(['https', 'ssh', 'file']).meta(notes({ description: 'Repository.' })),
    ref: z
      .strictObject({
        branch: text(255)
          .meta(notes({ description: 'Branch.' }))
          .optional(),
        tag: text(255)
          .meta(notes({ description: 'Tag.' }))
          .optional(),
        semver: text(255)
          .meta(notes({ description: 'Range of versions; the highest tag in it is used.' }))
          .optional(),
        commit: pattern(/^[0-9a-f]{40}$/, 'is not a commit; give all 40 hexadecimal digits')
          .meta(notes({ description: 'Commit.' }))
          .optional(),
      })
      .meta(
        notes({
          description: 'What to follow: exactly one of the members.',
          cel: [
            {
              rule: '[has(self.branch), has(self.tag), has(self.semver), has(self.commit)].filter(x, x).size() == 1',
              message: 'give exactly one of branch, tag, semver, commit',
            },
          ],
        }),
      ),
    path: text(1024)
      .meta(notes({ description: 'Folder with manifests.' }))
      .default('.'),
    interval: duration('10s', '1d')
      .meta(notes({ description: 'Time between two fetches.', unit: 'duration' }))
      .default('1m'),
    secretRef: text(2048)
      .meta(notes({ description: 'ARN of the secret with the credentials.' }))
      .optional(),
    verify: z
      .strictObject({
        signers: z
          .array(text(4096))
          .min(1)
          .max(100)
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
        maxDeletePercent: integer(1, 100)
          .meta(notes({ description: 'Share of the objects that one commit may delete.', unit: 'percent' }))
          .default(20),
      })
      .meta(notes({ description: 'Deletion.' }))
      .prefault({}),
    suspend: z
      .boolean()
      .meta(notes({ description: 'Leave everything as it is.' }))
      .default(false),
    targetNamespace: dnsLabel.meta(notes({ description: 'Namespace for objects that name none.' })).optional(),
    substitute: z
      .record(pattern(/^[A-Za-z_][A-Za-z0-9_]*$/, 'is not a variable name'), z.string().max(4096))
      .check(atMost(200))
      .meta(notes({ maxProperties: 200, description: 'Values for variables in manifests, by name.' }))
      .default({}),
  })
  .meta(notes({ description: 'What is followed.' }));

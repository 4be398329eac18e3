/**
 * Where the code comes from and how it becomes an image: the members `source` and `build` of a LambdaContainer's spec.
 */
import * as z from 'zod';
import { imageReference, notes, pattern, text } from './fields.ts';
import { gitUrl } from './git-url.ts';

const functionName = z
  .string()
  .max(2048)
  .superRefine((value, context) => {
    const arn = /^arn:[^:]*:lambda:[^:]*:[^:]*:function:([^:]+)(?::(.+))?$/.exec(value);
    if (arn) {
      const qualifier = arn[2] ? ` and put '${arn[2]}' into qualifier` : '';
      context.addIssue({
        code: 'custom',
        message: `is an ARN; give the function's name '${arn[1]}'${qualifier} (the function must be in the account and region of the class)`,
      });
    } else if (value.includes(':')) {
      context.addIssue({
        code: 'custom',
        message: 'contains a colon; give the name alone and use qualifier for a version or alias',
      });
    } else if (!/^[A-Za-z0-9_-]{1,64}$/.test(value)) {
      context.addIssue({
        code: 'custom',
        message: 'is not a function name; Lambda allows 1 to 64 letters, digits, hyphens and underscores',
      });
    }
  });

const qualifier = pattern(
  /^(\$LATEST|[0-9]+|[A-Za-z0-9_-]*[A-Za-z_-][A-Za-z0-9_-]*)$/,
  "is not a version or alias; use an alias such as 'live', a version number or '$LATEST'",
  128,
);

const functionRef = z.strictObject({
  name: functionName.meta(
    notes({
      description: 'Name of the existing Lambda function.',
      limits: '1 to 64 characters; not an ARN',
      pattern: '^[A-Za-z0-9_-]{1,64}$',
    }),
  ),
  qualifier: qualifier
    .meta(
      notes({
        description:
          'Alias or version. With an alias, code changes only when the alias moves; without one Lambda serves $LATEST at once while Fargate needs a build first.',
        defaultText: 'none: $LATEST',
      }),
    )
    .optional(),
});

const image = z.strictObject({
  uri: imageReference.meta(notes({ description: 'Image in a registry; a tag is resolved to a digest.' })),
  track: z
    .enum(['tag'])
    .meta(notes({ description: '`tag` deploys again when the tag moves.' }))
    .optional(),
});

const archive = z.strictObject({
  s3: z
    .strictObject({
      bucket: pattern(
        /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/,
        'is not a bucket name; use 3 to 63 lower-case letters, digits, dots and hyphens',
        63,
      ).meta(notes({ description: 'Bucket that holds the archive.' })),
      key: text(1024).meta(notes({ description: 'Key of the zip file.' })),
      versionId: text(1024)
        .meta(notes({ description: 'Version of the object.' }))
        .optional(),
    })
    .meta(notes({ description: 'Where the zip file is.' })),
  runtime: text(64).meta(notes({ description: 'Lambda runtime, e.g. `nodejs22.x`.' })),
  handler: text(128).meta(notes({ description: 'Handler, e.g. `index.handler`.' })),
});

const repository = z.strictObject({
  url: gitUrl.meta(notes({ description: 'Git repository.' })),
  ref: text(255)
    .meta(notes({ description: 'Branch, tag or commit.' }))
    .default('main'),
  context: text(1024)
    .meta(notes({ description: 'Folder that is built.' }))
    .default('.'),
  dockerfile: text(1024)
    .meta(notes({ description: 'Dockerfile, relative to the context.' }))
    .default('Dockerfile'),
});

export const source = z
  .strictObject({
    functionRef: functionRef
      .meta(notes({ description: 'An existing Lambda function (zip or image) that is only read.' }))
      .optional(),
    image: image.meta(notes({ description: 'An image of your own.' })).optional(),
    archive: archive.meta(notes({ description: 'A zip archive without a function.' })).optional(),
    repository: repository.meta(notes({ description: 'A Git repository with a Dockerfile.' })).optional(),
  })
  .meta(
    notes({
      description: 'Where the code comes from: exactly one of the members.',
      mandatory: true,
      cel: [
        {
          rule: '[has(self.functionRef), has(self.image), has(self.archive), has(self.repository)].filter(x, x).size() == 1',
          message: 'give exactly one of functionRef, image, archive, repository',
        },
      ],
    }),
  );

export const build = z.strictObject({
  baseImage: imageReference
    .meta(
      notes({
        description: "Base image of a zip function's container; its digest is recorded.",
        defaultText: "AWS's base image of the function's runtime",
      }),
    )
    .optional(),
  trackBaseImage: z
    .boolean()
    .meta(notes({ description: "Build again when the base image's digest moves." }))
    .default(true),
  dockerfile: text(65_536)
    .nullable()
    .meta(notes({ description: 'Dockerfile template instead of the daemonless composition.' }))
    .default(null),
});

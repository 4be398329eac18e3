/**
 * Where the code comes from and how it becomes an image: the members `source` and `build` of a LambdaContainer's spec.
 */
import * as z from 'zod';
import { duration, durationMs, imageReference, notes, pattern, text, url } from './fields.ts';

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

const architecture = z.enum(['x86_64', 'arm64']);

/** A stand-in on the machine itself. */
function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.');
}

const image = z
  .strictObject({
    uri: imageReference.meta(
      notes({
        description: 'Image in a registry, of this account or another; a tag is resolved to a digest.',
      }),
    ),
    track: z
      .enum(['tag', 'digest'])
      .meta(
        notes({
          description:
            '`tag` deploys again when the tag means another digest; `digest` keeps what it meant first until `uri` changes.',
        }),
      )
      .default('tag'),
    interval: duration('1m', '24h')
      .meta(
        notes({
          description: 'How often the tag is looked at with `track: tag`.',
          unit: 'duration',
          limits: '1m to 24h',
        }),
      )
      .default('10m'),
  })
  .transform(({ interval, ...rest }) => ({ ...rest, intervalMs: durationMs(interval) }));

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
        .meta(
          notes({
            description: 'Version of the object.',
            defaultText: 'the newest: another object under the key is deployed when it is seen',
          }),
        )
        .optional(),
    })
    .meta(notes({ description: 'Where the zip file is.' })),
  runtime: pattern(
    /^(nodejs[0-9]+\.x|python3\.[0-9]+|java[0-9]+|dotnet[0-9]+|ruby[0-9]+\.[0-9]+|provided\.al[0-9]+)$/,
    'is not a Lambda runtime; write it like nodejs24.x, python3.14, java25, dotnet10, ruby3.4 or provided.al2023',
    64,
  ).meta(notes({ description: 'Lambda runtime, e.g. `nodejs24.x`.' })),
  handler: text(128).meta(notes({ description: 'Handler, e.g. `index.handler`.' })),
  architecture: architecture
    .meta(
      notes({ description: 'What the code was compiled for.', defaultText: 'spec.compute.architecture, else x86_64' }),
    )
    .optional(),
  layers: z
    .array(
      pattern(
        /^arn:aws[a-z-]*:lambda:[a-z0-9-]+:[0-9]{12}:layer:[A-Za-z0-9_-]+:[0-9]+$/,
        'is not the ARN of a layer version; write it like arn:aws:lambda:eu-west-1:111122223333:layer:name:1',
      ),
    )
    .max(5)
    .meta(notes({ description: 'Lambda layers beneath the code, in order.', limits: 'Lambda allows 5' }))
    .default([]),
});

const innerPath = (phrase: string) =>
  pattern(/^[^/\\]/, phrase, 1024).refine((value) => !value.split('/').includes('..'), { error: phrase });

const repository = z.strictObject({
  url: url(['https', 'http'])
    .refine((value) => !value.startsWith('http:') || !URL.canParse(value) || isLoopback(new URL(value).hostname), {
      error: 'can be read and changed on its way; use https',
    })
    .meta(
      notes({
        description:
          'Git repository, over HTTPS; a private one with credentials that its class names (`build.gitCredentials`).',
      }),
    ),
  ref: text(255)
    .meta(notes({ description: 'Branch, tag or full commit. A branch or tag is followed.' }))
    .default('main'),
  context: innerPath("is not a folder of the repository; write it relative and without '..'")
    .meta(notes({ description: 'Folder that is built.', pattern: '^[^/]' }))
    .default('.'),
  dockerfile: innerPath("is not a file of the context; write it relative and without '..'")
    .meta(notes({ description: 'Dockerfile, relative to the context.', pattern: '^[^/]' }))
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
    .meta(
      notes({
        description:
          "Build again when the base image's digest moves; otherwise the digest that was built on is kept, and status says `BaseImageOutdated`.",
      }),
    )
    .default(true),
  dockerfile: text(65_536)
    .nullable()
    .meta(
      notes({
        description:
          "Dockerfile of a zip's image: it is built with the recipe `dockerfile`. BASE_IMAGE is a build argument, `{{handler}}` the handler; the context holds `opt/`, `var/task/` and, for `provided`, `var/runtime/`.",
        defaultText: "none: the recipe of the class, with the template of the runtime's family",
      }),
    )
    .default(null),
});

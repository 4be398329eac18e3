/**
 * Which requests lead to a LambdaContainer: the member `traffic` of its spec, in the bounds of a load balancer's rule.
 */
import * as z from 'zod';
import { CEL_MILLISECONDS, celOfDuration, duration, durationMs, integer, notes, pattern, text } from './fields.ts';

/** A rule (of ELBv2) has at most so many values in all its conditions, and so many wildcards in them. */
export const RULE_VALUES_MAX = 5;
export const RULE_WILDCARDS_MAX = 6;

export const EVENT_FORMATS = ['alb', 'alb-multi-value', 'http-api-v2', 'function-url', 'rest-api-v1'] as const;

const host = z
  .string()
  .max(128)
  .superRefine((value, context) => {
    const fail = (message: string) => context.addIssue({ code: 'custom', message });
    if (value.includes('/') || value.includes(':')) {
      fail('is not a host name; leave scheme, port and path out, e.g. shop.example.com');
    } else if (!/^[A-Za-z0-9*?.-]+$/.test(value)) {
      fail('has characters that a host name cannot have; use letters, digits, hyphens, dots and the wildcards * and ?');
    } else if (!/\.[A-Za-z]+$/.test(value)) {
      fail(
        'is not a host that a load balancer rule accepts; it needs a dot and only letters after the last one, e.g. shop.example.com',
      );
    } else if (value.split('.').some((label) => label === '' || label.length > 63 || /^-|-$/.test(label))) {
      fail('is not a DNS name; each label has 1 to 63 characters and neither begins nor ends with a hyphen');
    }
  })
  .meta({ pattern: '^([A-Za-z0-9*?]([A-Za-z0-9*?-]{0,61}[A-Za-z0-9*?])?\\.)+[A-Za-z]{1,63}$' });

const pathPattern = pattern(
  /^(\/|\*)[A-Za-z0-9_.$/~"'@:+&*?-]*$/,
  'is not a path pattern of a load balancer; begin with / and use letters, digits, _-.$/~"\'@:+& and the wildcards * and ?, without query',
  128,
);

export const healthCheckFields = z.strictObject({
  path: pattern(/^\/[^\p{Z}\p{C}?#]*(\?[^\p{Z}\p{C}#]*)?$/u, 'is not a path; begin with /, e.g. /health', 1024)
    .meta(
      notes({
        description: 'Path that the load balancer asks.',
        defaultText: "the adapter's own readiness for interface lambda, / for http",
      }),
    )
    .optional(),
  interval: duration('5s', '300s')
    .refine((value) => durationMs(value) % 1000 === 0, { error: 'is not a whole number of seconds; use e.g. 15s' })
    .meta(
      notes({
        description: 'Time between two checks.',
        unit: 'duration',
        limits: '5s to 300s in whole seconds',
        cel: [
          ...celOfDuration('5s', '300s'),
          { rule: `${CEL_MILLISECONDS} % 1000 == 0`, message: 'is not a whole number of seconds; use e.g. 15s' },
        ],
      }),
    )
    .default('15s'),
  healthyThreshold: integer(2, 10)
    .meta(notes({ description: 'Successes in a row after which a task gets traffic.', limits: 'ELB allows 2 to 10' }))
    .default(2),
});

const healthCheck = healthCheckFields
  .transform(({ interval, ...rest }) => ({ ...rest, intervalMs: durationMs(interval) }))
  .prefault({});

export const traffic = z
  .strictObject({
    hosts: z
      .array(host)
      .max(5)
      .meta(
        notes({
          description: 'Host names that lead here.',
          limits: 'a rule has at most 5 values, hosts and paths together',
          cel: [
            {
              rule: 'self.all(h, self.exists_one(g, g.lowerAscii() == h.lowerAscii()))',
              message: 'a host is given twice',
            },
          ],
        }),
      )
      .default([]),
    paths: z
      .array(pathPattern)
      .max(5)
      .meta(
        notes({
          description: 'Path patterns that lead here.',
          limits: 'a rule has at most 5 values, hosts and paths together',
          defaultText: '`/<name>` and `/<name>/*`',
          listType: 'set',
        }),
      )
      .optional(),
    eventFormat: z
      .enum(EVENT_FORMATS)
      .meta(
        notes({
          description:
            "The event that the code is written for: a load balancer's (`alb`, `alb-multi-value`), an HTTP API's or function URL's (`http-api-v2`, `function-url`) or a REST API's (`rest-api-v1`). Behind the load balancer a Lambda function only ever gets the first two.",
          defaultText: '`alb`',
        }),
      )
      .optional(),
    healthCheck: healthCheck.meta(notes({ description: "The load balancer's check of the tasks." })),
    apiGateway: z
      .strictObject({
        apiId: text(64).meta(notes({ description: 'Id of an existing HTTP API.' })),
        routes: z
          .array(text(256))
          .min(1)
          .max(300)
          .meta(notes({ description: 'Routes, e.g. `ANY /shop/{proxy+}`.' })),
      })
      .meta(notes({ description: 'Routes of an API Gateway HTTP API that lead here.' }))
      .optional(),
  })
  .meta(
    notes({
      description: 'Which requests lead here.',
      cel: [
        {
          rule: `(has(self.hosts) ? self.hosts.size() : 0) + (has(self.paths) ? self.paths.size() : 2) <= ${RULE_VALUES_MAX}`,
          message: `hosts and paths (two by default) are more than the ${RULE_VALUES_MAX} values that a load balancer rule holds`,
        },
        {
          rule: `((has(self.hosts) ? self.hosts : []) + (has(self.paths) ? self.paths : [])).map(v, v.findAll('[*?]').size()).sum() <= ${RULE_WILDCARDS_MAX}`,
          message: `hosts and paths have more than the ${RULE_WILDCARDS_MAX} wildcards that a load balancer rule holds`,
        },
        {
          rule: '!has(self.paths) || self.paths.size() > 0 || (has(self.hosts) && self.hosts.size() > 0)',
          message: 'no request would match: paths is empty and there are no hosts',
        },
      ],
    }),
  );

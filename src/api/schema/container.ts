/**
 * The schema of LambdaContainer's spec: every field with its type, default, unit and limits. It is the only source of
 * validation, types, the CRD and the reference page. Rules that look at several fields are in `../rules.ts`; what this
 * version refuses although the schema knows it is in `../unsupported.ts`.
 */
import * as z from 'zod';
import { compute, computeFields } from './compute.ts';
import { drift, environment, secrets, trigger } from './configuration.ts';
import { dnsLabel, integer, notes, pattern, roleArn, securityGroupId, subnetId } from './fields.ts';
import { rollout } from './rollout.ts';
import { placement, scaling } from './serving.ts';
import { build, source } from './source.ts';
import { healthCheckFields, traffic } from './traffic.ts';

/** The members that a class may give defaults for, undefaulted. */
export const sections = {
  build,
  compute: computeFields,
  placement,
  rollout,
  environment,
  secrets,
  drift,
  healthCheck: healthCheckFields,
} as const;

export const scalingFields = scaling.in;

export const containerSpecSchema = z
  .strictObject({
    className: dnsLabel
      .meta(notes({ description: 'The LambdaContainerClass: cluster, network, listeners, roles, build settings.' }))
      .default('standard'),
    // Prefaulted so that the rules can name what is missing together with all other defects.
    source: source.prefault({}),
    interface: z
      .enum(['lambda', 'http'])
      .meta(
        notes({
          description:
            '`lambda`: a handler behind the runtime adapter. `http`: the image itself serves HTTP on `port`.',
        }),
      )
      .default('lambda'),
    port: integer(1, 65_535)
      .meta(
        notes({
          description: 'Port that the image serves on; only with interface `http`.',
          defaultText: '8080 with http',
        }),
      )
      .optional(),
    workload: z
      .enum(['service', 'worker', 'job'])
      .meta(
        notes({
          description: '`service` behind a load balancer, `worker` polling a queue, `job` running to completion.',
        }),
      )
      .default('service'),
    queue: pattern(
      /^arn:aws[a-z-]*:sqs:[a-z0-9-]+:[0-9]{12}:[\w-]+(\.fifo)?$/,
      'is not the ARN of a queue; write it like arn:aws:sqs:eu-west-1:111122223333:orders',
    )
      .meta(notes({ description: 'Queue that a `worker` polls.' }))
      .optional(),
    build: build.meta(notes({ description: 'How a zip function becomes an image.' })).prefault({}),
    compute: compute.prefault({}),
    placement: placement.prefault({}),
    scaling: scaling.prefault({}),
    traffic: traffic.prefault({}),
    rollout: rollout.meta(notes({ description: 'How a new revision takes over.' })).prefault({}),
    environment,
    acknowledgePlaintextEnvironment: z
      .boolean()
      .meta(notes({ description: 'Accept environment values that look like secrets.' }))
      .default(false),
    secrets,
    roles: z
      .strictObject({
        task: roleArn
          .meta(notes({ description: 'Role of the code.', defaultText: "the class's, else the function's own" }))
          .optional(),
        execution: roleArn
          .meta(
            notes({
              description: 'Role that pulls images, reads secrets and writes logs.',
              defaultText: "the class's",
            }),
          )
          .optional(),
      })
      .meta(notes({ description: 'IAM roles of the tasks. They must trust ecs-tasks.amazonaws.com.' }))
      .prefault({}),
    network: z
      .strictObject({
        subnets: z
          .array(subnetId)
          .max(16)
          .meta(notes({ description: 'Subnets of the tasks.', limits: 'ECS allows 16', defaultText: "the class's" }))
          .default([]),
        securityGroups: z
          .array(securityGroupId)
          .max(5)
          .meta(
            notes({ description: 'Security groups of the tasks.', limits: 'ECS allows 5', defaultText: "the class's" }),
          )
          .default([]),
        assignPublicIp: z
          .boolean()
          .meta(notes({ description: 'Give each task a public address.', defaultText: "the class's" }))
          .default(false),
        serviceConnect: z
          .strictObject({
            port: integer(1, 65_535).meta(notes({ description: 'Port.' })),
            alias: dnsLabel.meta(notes({ description: 'Name by which others reach it.' })),
          })
          .meta(notes({ description: 'ECS Service Connect.' }))
          .optional(),
      })
      .meta(notes({ description: 'Network of the tasks; empty lists mean those of the class.' }))
      .prefault({}),
    triggers: z
      .array(trigger)
      .max(100)
      .meta(notes({ description: 'Schedules and events that start it.' }))
      .default([]),
    drift: drift.meta(notes({ description: 'What to do with changes that somebody else made.' })).prefault({}),
    adoption: z
      .enum(['never', 'ifExists', 'only'])
      .meta(notes({ description: 'Whether resources that exist already under our names are taken over.' }))
      .default('never'),
    deletionPolicy: z
      .enum(['delete', 'retain'])
      .meta(notes({ description: 'What deleting the object does with what was made for it.' }))
      .default('delete'),
    dependsOn: z
      .array(dnsLabel)
      .max(50)
      .meta(notes({ description: 'Objects that must be Ready first.' }))
      .default([]),
    suspend: z
      .boolean()
      .meta(notes({ description: 'Leave everything as it is.' }))
      .default(false),
  })
  .meta(
    notes({
      description: 'What is desired.',
      cel: [
        {
          rule: "!has(self.port) || (has(self.interface) && self.interface == 'http')",
          message: "port is only for interface 'http'",
        },
        {
          rule: "!has(self.interface) || self.interface != 'http' || !has(self.compute) || !has(self.compute.processes) || self.compute.processes == 1",
          message: "compute.processes is only for interface 'lambda'",
        },
        {
          rule: "has(self.queue) == (has(self.workload) && self.workload == 'worker')",
          message: "queue is for workload 'worker', which needs it",
        },
        {
          rule: "!has(self.traffic) || !has(self.workload) || self.workload == 'service'",
          message: "traffic is only for workload 'service'",
        },
        {
          rule: "!has(self.placement) || !has(self.placement.mode) || self.placement.mode == 'fargate' || has(self.source.functionRef)",
          message: 'placement.mode needs source.functionRef, because a Lambda function serves',
        },
        {
          rule: "!has(self.placement) || !has(self.placement.mode) || !(self.placement.mode in ['split', 'auto']) || !has(self.rollout) || !has(self.rollout.strategy) || self.rollout.strategy == 'rolling'",
          message:
            "with placement.mode 'split' or 'auto' rollout.strategy is 'rolling': else ECS would own the rule's weights too",
        },
        {
          rule: "!has(self.placement) || !has(self.placement.mode) || self.placement.mode != 'fargate' || !has(self.scaling) || !has(self.scaling.min) || self.scaling.min > 0",
          message: "scaling.min 0 leaves nobody to serve with placement.mode 'fargate'",
        },
        {
          rule: '!has(self.environment) || !has(self.secrets) || self.environment.all(key, !(key in self.secrets))',
          message: 'a variable is under environment and under secrets',
        },
      ],
    }),
  )
  .transform((spec) => ({ ...spec, port: spec.interface === 'http' ? (spec.port ?? 8080) : spec.port }));

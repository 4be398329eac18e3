/** The generated policies: sufficient, minimal, narrow, and the same in every file that they stand in. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { permissionsPage } from '../../scripts/permissions-page.ts';
import { generatedRegions, withPolicies } from '../../scripts/policy-template.ts';
import {
  controllerPolicy,
  DEFAULT_SCOPE,
  explainedControllerPolicy,
  explainedReaderPolicy,
  isNarrowed,
  type PolicyStatement,
  readerPolicy,
} from '../../src/cli/policy.ts';
import {
  familyName,
  logGroupName,
  projectName,
  repositoryName,
  serviceName,
  targetGroupName,
} from '../../src/compose/names.ts';
import { KINDS } from '../../src/kinds/index.ts';
import { ACTIONS_WITHOUT_RESOURCE, NARROWED_BY_CONDITION } from './actions-without-resource.ts';
import { DEPLOY, grantsOf, list, TEMPLATES, template, trustsOf } from './template.ts';
import { usedOperations } from './used-operations.ts';

const IAM_PREFIX: Readonly<Record<string, string>> = {
  dynamodb: 'dynamodb',
  streams: 'dynamodb',
  lambda: 'lambda',
  codebuild: 'codebuild',
  ecr: 'ecr',
  ecs: 'ecs',
  elbv2: 'elasticloadbalancing',
  autoscaling: 'application-autoscaling',
  logs: 'logs',
  iam: 'iam',
  secretsmanager: 'secretsmanager',
  tagging: 'tag',
  quotas: 'servicequotas',
  limits: 'elasticloadbalancing',
  policies: 'iam',
  sts: 'sts',
};

/** Asked of the caller of an operation that has another name, with where AWS says so. */
const IMPLIED: Readonly<Record<string, string>> = {
  'application-autoscaling:TagResource': 'tags given to RegisterScalableTarget; its row of the authorization reference',
  'cloudwatch:DeleteAlarms': 'https://docs.aws.amazon.com/AmazonECS/latest/developerguide/auto-scaling-IAM.html',
  'cloudwatch:DescribeAlarms': 'https://docs.aws.amazon.com/AmazonECS/latest/developerguide/auto-scaling-IAM.html',
  'cloudwatch:PutMetricAlarm': 'https://docs.aws.amazon.com/AmazonECS/latest/developerguide/auto-scaling-IAM.html',
  'ecr:BatchGetImage':
    'a manifest asked of the registry, https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-pull-iam.html',
  'ecr:GetDownloadUrlForLayer':
    'a blob asked of the registry, https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-pull-iam.html',
  'ecr:TagResource': 'tags given to CreateRepository; its row of the authorization reference',
  'ecs:TagResource': 'https://docs.aws.amazon.com/AmazonECS/latest/developerguide/supported-iam-actions-tagging.html',
  'elasticloadbalancing:AddTags':
    'tags given to CreateRule and CreateTargetGroup; their rows of the authorization reference',
  'iam:CreateServiceLinkedRole': 'https://docs.aws.amazon.com/AmazonECS/latest/developerguide/auto-scaling-IAM.html',
  'iam:PassRole': 'https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html',
  's3:GetObjectVersion': 'HeadObject of a version, https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html',
  's3:ListBucket': 'to be told 404 and not 403, https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html',
  'logs:TagResource': 'https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html',
};
/** Operations that IAM knows under another name. */
const ALLOWED_AS: Readonly<Record<string, string>> = {
  // https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
  's3:HeadObject': 's3:GetObject',
  // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html
  'sqs:DeleteMessageBatch': 'sqs:DeleteMessage',
};
/** Allowed to everybody. https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html */
const FREE = ['sts:GetCallerIdentity'];
const READS = /:(BatchGet|Describe|Get|List|Query|Scan)/;

/** What changes something and is not narrowed by a condition, and why that has to be. */
const UNCONDITIONED: Readonly<Record<string, string>> = {
  'cloudwatch:DeleteAlarms': 'the alarms of target tracking carry no tags; their names are derived from the service',
  'cloudwatch:PutMetricAlarm': 'the alarms of target tracking carry no tags; their names are derived from the service',
  'dynamodb:BatchWriteItem': 'its own table',
  'dynamodb:DeleteItem': 'its own table',
  'dynamodb:PutItem': 'its own table',
  'ecs:DeregisterTaskDefinition': 'ECS knows neither resource nor condition for it',
  'logs:PutRetentionPolicy': 'follows the creation at once; narrowed to the names of our log groups',
  'sqs:DeleteMessage': 'its own queue',
  'sqs:ReceiveMessage': 'its own queue',
  'sts:AssumeRole': 'the roles are listed, and ask for an external id',
};

const actionsOf = (statements: readonly PolicyStatement[]) => new Set(statements.flatMap(({ Action }) => Action));

/** The actions that the operations are, in IAM's words. */
function actionsUsed(roots: readonly string[]): Set<string> {
  const used = usedOperations(roots, /^aws\/operations\.ts$/);
  return new Set(
    [...used.keys()].map((key) => {
      const [service = '', operation = ''] = key.split('.');
      const prefix = IAM_PREFIX[service] ?? service;
      const action = `${prefix}:${operation.charAt(0).toUpperCase()}${operation.slice(1)}`;
      return ALLOWED_AS[action] ?? action;
    }),
  );
}

/** Whether a pattern of IAM covers a text. */
function covers(pattern: string, text: string): boolean {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 's').test(text);
}

describe('the daemon’s policy', () => {
  it('allows exactly what the daemon’s code calls, and what AWS asks for beside that', () => {
    const used = actionsUsed(['cli/start.ts']);
    expect(used.size, 'the search finds what there is').toBeGreaterThan(60);
    const allowed = [...actionsOf(controllerPolicy().Statement)];
    expect(allowed.filter((action) => !(action in IMPLIED)).sort()).toEqual(
      [...used].filter((action) => !FREE.includes(action)).sort(),
    );
    expect(Object.keys(IMPLIED).filter((action) => !allowed.includes(action))).toEqual([]);
  });

  it('allows everything that a kind declares', () => {
    const declared = [...KINDS.values()].flatMap(({ permissions }) => permissions.flatMap(({ actions }) => actions));
    const allowed = actionsOf(controllerPolicy().Statement);
    expect(declared.filter((action) => !allowed.has(action))).toEqual([]);
  });

  it('has a distinct id for each statement, and no two on the same resources under the same conditions', () => {
    const parts = Object.values(explainedControllerPolicy(DEFAULT_SCOPE));
    for (const statements of [...parts, explainedReaderPolicy(DEFAULT_SCOPE)]) {
      const keys = statements.map(({ statement }) => JSON.stringify([statement.Resource, statement.Condition]));
      expect(new Set(keys).size).toBe(keys.length);
    }
    const ids = controllerPolicy().Statement.map(({ Sid }) => Sid);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(/^[A-Za-z0-9]+$/);
  });

  it('changes only what carries its tag, what it tags itself, or what stands in a list with its reason', () => {
    const free = controllerPolicy()
      .Statement.filter(({ Condition }) => Condition === undefined)
      .flatMap(({ Action }) => Action)
      .filter((action) => !READS.test(action));
    expect(free.sort()).toEqual(Object.keys(UNCONDITIONED).sort());
  });

  it('never writes records, whoever asks', () => {
    const writes = controllerPolicy().Statement.filter(({ Action }) =>
      Action.some((action) => /dynamodb:.*(Put|Delete|Write|Update)/.test(action)),
    );
    expect(writes.map(({ Resource }) => Resource)).toEqual([['arn:*:dynamodb:*:*:table/lambdacontainer-state']]);
  });

  it.each([
    {
      action: 'ecs:CreateService',
      arn: `service/lambdacontainer/${serviceName({ namespace: 'shop', name: 'Checkout_1' }, 3)}`,
    },
    {
      action: 'ecs:UpdateService',
      arn: `service/lambdacontainer/${serviceName({ namespace: 'default', name: 'a' }, 0)}`,
    },
    {
      action: 'ecs:RegisterTaskDefinition',
      arn: `task-definition/${familyName({ namespace: 'shop', name: 'checkout' })}:12`,
    },
    {
      action: 'elasticloadbalancing:CreateTargetGroup',
      arn: `targetgroup/${targetGroupName({ namespace: 'shop', name: 'checkout' }, 'ip', 1)}/0123456789abcdef`,
    },
    {
      action: 'elasticloadbalancing:DeleteTargetGroup',
      arn: `targetgroup/${targetGroupName({ namespace: 'shop', name: 'x' }, 'fn', 0)}/0123456789abcdef`,
    },
    { action: 'logs:CreateLogGroup', arn: `log-group:${logGroupName({ namespace: 'shop', name: 'checkout' })}` },
    { action: 'logs:DeleteLogGroup', arn: `log-group:${logGroupName({ namespace: 'shop', name: 'checkout' })}:*` },
    { action: 'ecr:CreateRepository', arn: `repository/${repositoryName('lambdacontainer', 'Shop')}` },
    { action: 'codebuild:StartBuild', arn: `project/${projectName('standard')}` },
    { action: 'lambda:GetFunction', arn: 'function:checkout:live' },
    {
      action: 'cloudwatch:PutMetricAlarm',
      arn: `alarm:TargetTracking-service/lambdacontainer/${serviceName({ namespace: 'shop', name: 'a' }, 0)}-AlarmHigh-1`,
    },
    { action: 'elasticloadbalancing:CreateRule', arn: 'listener/app/lambdacontainer/0123/4567' },
    { action: 'elasticloadbalancing:ModifyRule', arn: 'listener-rule/app/lambdacontainer/0123/4567/89ab' },
  ])('$action covers $arn, as compose names it', ({ action, arn }) => {
    const service = action.split(':')[0];
    const whole = `arn:aws:${service}:eu-west-1:111122223333:${arn}`;
    const resources = controllerPolicy().Statement.flatMap(({ Action, Resource }) =>
      Action.includes(action) && !('Ref' in Resource) ? Resource : [],
    );
    expect(
      resources.some((pattern) => covers(pattern, whole)),
      resources.join(' '),
    ).toBe(true);
  });

  it.each([
    { action: 'ecs:UpdateService', arn: 'arn:aws:ecs:eu-west-1:1:service/production/lc-a', reason: 'another cluster' },
    {
      action: 'ecs:UpdateService',
      arn: 'arn:aws:ecs:eu-west-1:1:service/lambdacontainer/web',
      reason: 'a name that is not ours',
    },
    {
      action: 'ecr:DeleteRepository',
      arn: 'arn:aws:ecr:eu-west-1:1:repository/lambdacontainer-images/controller',
      reason: 'our own images',
    },
    {
      action: 'iam:PassRole',
      arn: 'arn:aws:iam::1:role/lambdacontainer/controller/x-TaskRole-1',
      reason: 'the daemon’s own role',
    },
    { action: 'iam:PassRole', arn: 'arn:aws:iam::1:role/lambdacontainer/sources/x', reason: 'the role of a source' },
    { action: 'iam:PassRole', arn: 'arn:aws:iam::1:role/admin', reason: 'any other role' },
    { action: 'sts:AssumeRole', arn: 'arn:aws:iam::1:role/lambdacontainer/people/x', reason: 'the role of a person' },
    {
      action: 'secretsmanager:GetSecretValue',
      arn: 'arn:aws:secretsmanager:eu-west-1:1:secret:lambdacontainer/tasks/x',
      reason: 'what tasks read',
    },
    {
      action: 'elasticloadbalancing:CreateRule',
      arn: 'arn:aws:elasticloadbalancing:eu-west-1:1:listener/app/shop/1/2',
      reason: 'another load balancer',
    },
    {
      action: 'dynamodb:PutItem',
      arn: 'arn:aws:dynamodb:eu-west-1:1:table/lambdacontainer-desired',
      reason: 'records are for people to write',
    },
  ])('$action does not reach $reason', ({ action, arn }) => {
    const resources = controllerPolicy().Statement.flatMap(({ Action, Resource }) =>
      Action.includes(action) && !('Ref' in Resource) ? Resource : [],
    );
    expect(resources.length).toBeGreaterThan(0);
    expect(resources.filter((pattern) => covers(pattern, arn))).toEqual([]);
  });

  it('narrows to names whatever a kind declares, but for what has no name of ours', () => {
    const declared = [...KINDS.values()].flatMap(({ permissions }) =>
      permissions.flatMap(({ resources }) => resources),
    );
    const whole = [...new Set(declared)].filter((arn) => !isNarrowed(arn)).sort();
    expect(whole).toEqual([
      '*',
      // The id of a scalable target is AWS's; the tag decides.
      'arn:aws:application-autoscaling:*:*:scalable-target/*',
      // Any role may be one to look at; which may be passed, the scope says.
      'arn:aws:iam::*:role/*',
      'arn:aws:iam::*:role/aws-service-role/ecs.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_ECSService',
      // Which secrets tasks may have is the class's execution role's to say; of these, no value is read.
      'arn:aws:secretsmanager:*:*:secret:*',
    ]);
  });
});

describe('the reader’s policy', () => {
  const VERBS = ['plan', 'diff', 'verify', 'get', 'describe', 'events', 'wait', 'doctor'];

  it('allows exactly what the reading verbs read', () => {
    const used = actionsUsed(VERBS.map((verb) => `cli/commands/${verb}.ts`));
    const reads = [...used].filter((action) => READS.test(action) && !FREE.includes(action));
    // Through the doors of their rooms the daemon's stream is in reach, which no verb reads.
    const stream = ['dynamodb:DescribeStream', 'dynamodb:GetRecords', 'dynamodb:GetShardIterator'];
    const allowed = [...actionsOf(readerPolicy().Statement)].filter((action) => !(action in IMPLIED));
    // Nor the credentials of a private repository: whoever plans without them is told that its commit is not known.
    const withheld = [...stream, 'secretsmanager:GetSecretValue'];
    expect(allowed.sort()).toEqual(reads.filter((action) => !withheld.includes(action)).sort());
  });

  it('changes nothing, and reads neither the value of a secret nor a log', () => {
    const allowed = [...actionsOf(readerPolicy().Statement)];
    expect(allowed.filter((action) => !READS.test(action))).toEqual([]);
    for (const action of ['secretsmanager:GetSecretValue', 'logs:FilterLogEvents', 'lambda:InvokeFunction']) {
      expect(allowed).not.toContain(action);
    }
  });
});

describe('what is generated', () => {
  it('deploy/controller-policy.json is what the kinds declare (npm run generate)', () => {
    const file = JSON.parse(readFileSync(join(DEPLOY, 'controller-policy.json'), 'utf8'));
    expect(file).toEqual(JSON.parse(JSON.stringify(controllerPolicy())));
  });

  it('docs/permissions.md is fresh (npm run generate)', () => {
    const page = readFileSync(join(DEPLOY, '../docs/permissions.md'), 'utf8');
    expect(page === permissionsPage(), 'run npm run generate').toBe(true);
  });

  it.each(TEMPLATES.map(({ file, text }) => ({ file, text })))(
    'deploy/$file is fresh (npm run generate)',
    ({ text }) => {
      expect(withPolicies(text).text === text, 'run npm run generate').toBe(true);
    },
  );

  it('stands in the templates, each part once', () => {
    const regions = TEMPLATES.flatMap(({ text }) => withPolicies(text).regions);
    expect(regions.sort()).toEqual([...generatedRegions().keys()].sort());
  });

  it('is read back from the templates as it was generated', () => {
    const inTemplate = grantsOf(template('controller.yaml'))
      .filter(({ where }) => where.includes('Policy ') && !where.includes('QueuePolicy '))
      .map(({ statement }) => statement);
    const generated = controllerPolicy().Statement;
    expect(inTemplate.map(({ Sid }) => Sid)).toEqual(generated.map(({ Sid }) => Sid));
    expect(inTemplate.map(({ Action }) => list(Action))).toEqual(generated.map(({ Action }) => Action));
    const operators = ({ Condition }: { Condition?: object }) => Object.keys(Condition ?? {});
    expect(inTemplate.map(operators)).toEqual(generated.map(operators));
  });

  it('refuses a region that nothing is generated for', () => {
    expect(() => withPolicies('  # <generated nothing>\n  # </generated>')).toThrow(
      '<generated nothing>: nothing of that name is generated',
    );
  });

  it('fits into managed policies with the longest names, in the region and account with the longest', () => {
    const long = (length: number) => 'x'.repeat(length);
    const role = `arn:aws-us-gov:iam::111122223333:role/${long(60)}`;
    const scope = {
      ...DEFAULT_SCOPE,
      partition: 'aws-us-gov',
      region: 'us-gov-northwest-1',
      account: '111122223333',
      desiredTable: long(40),
      stateTable: long(40),
      cluster: long(40),
      loadBalancer: long(32),
      repositoryPrefix: long(40),
      taskRoles: [role, role, role],
      sourceRoles: [role, role, role],
    };
    const limit = 6144;
    const parts = { ...explainedControllerPolicy(scope), reader: explainedReaderPolicy(scope) };
    for (const [part, statements] of Object.entries(parts)) {
      const document = JSON.stringify({
        Version: '2012-10-17',
        Statement: statements.map(({ statement }) => statement),
      });
      expect(document.length, part).toBeLessThanOrEqual(limit);
    }
  });
});

describe.each(TEMPLATES.map((one) => ({ file: one.file, one })))('the statements of deploy/$file', ({ one }) => {
  const grants = grantsOf(one);

  it('allow no action by a pattern', () => {
    for (const { where, statement } of grants) {
      expect(statement.Effect, where).toBe('Allow');
      for (const action of list(statement.Action)) expect(action, where).toMatch(/^[a-z0-9-]+:[A-Z][A-Za-z]+$/);
    }
  });

  it('name a resource wherever AWS knows one', () => {
    const bare = grants.filter(({ statement }) => list(statement.Resource).includes('*'));
    for (const { where, statement } of bare) {
      for (const action of list(statement.Action)) {
        const key = NARROWED_BY_CONDITION[action]?.key;
        if (key === undefined) expect(ACTIONS_WITHOUT_RESOURCE, `${where}: ${action}`).toHaveProperty([action]);
        else
          expect(
            Object.values(statement.Condition ?? {}).some((keys) => key in keys),
            `${where}: ${action}`,
          ).toBe(true);
      }
    }
  });

  it('pass roles to one service each', () => {
    const passing = grants.filter(({ statement }) => list(statement.Action).includes('iam:PassRole'));
    for (const { where, statement } of passing) {
      expect(list(statement.Action), where).toEqual(['iam:PassRole']);
      const to = statement.Condition?.StringEquals?.['iam:PassedToService'];
      expect(['ecs-tasks.amazonaws.com', 'codebuild.amazonaws.com'], where).toContain(to);
      expect(statement.Resource, where).toEqual({ Ref: expect.stringMatching(/RoleArns$/) });
    }
    expect(passing.length).toBe(one.file === 'controller.yaml' ? 2 : 0);
  });

  it('let roles be assumed by whom they are for alone', () => {
    for (const { where, statement } of trustsOf(one)) {
      expect(list(statement.Action), where).toEqual(['sts:AssumeRole']);
      const { Service, AWS } = statement.Principal as { Service?: string; AWS?: unknown };
      if (AWS !== undefined) {
        expect(JSON.stringify(AWS), where).toMatch(/^\{"Ref":"\w+Arns?"\}$/);
        continue;
      }
      // ECS says for whom it assumes a role only where it is a task's own.
      if (where.includes('ExecutionRole')) expect(Service, where).toBe('ecs-tasks.amazonaws.com');
      else expect(statement.Condition?.StringEquals, where).toHaveProperty(['aws:SourceAccount']);
    }
  });
});

it('the table of actions without a resource has nothing in vain', () => {
  const used = new Set(TEMPLATES.flatMap(grantsOf).flatMap(({ statement }) => list(statement.Action)));
  const table = [...Object.keys(ACTIONS_WITHOUT_RESOURCE), ...Object.keys(NARROWED_BY_CONDITION)];
  expect(table.filter((action) => !used.has(action))).toEqual([]);
});

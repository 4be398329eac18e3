/** The templates by themselves: whole, documented, tagged, safe by default, and in step with the program. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { eventRules, withEventRules } from '../../scripts/event-rules.ts';
import { DERIVED } from '../../src/cli/bootstrap/stacks.ts';
import { readSettings } from '../../src/cli/start.ts';
import { cloudFormation, TABLE_SHAPES } from '../../src/cli/tables/table-shapes.ts';
import { projectName } from '../../src/compose/names.ts';
import { KINDS } from '../../src/kinds/index.ts';
import { EMF_DIMENSION, EMF_METRICS, EMF_NAMESPACE } from '../../src/server/index.ts';
import {
  DEPLOY,
  grantsOf,
  list,
  type Parameter,
  references,
  TEMPLATES,
  type Template,
  template,
  UNTAGGABLE,
} from './template.ts';

/** What `GetAtt` gives for the types that are asked. */
const ATTRIBUTES: Readonly<Record<string, readonly string[]>> = {
  'AWS::DynamoDB::Table': ['Arn', 'StreamArn'],
  'AWS::EC2::SecurityGroup': ['GroupId'],
  'AWS::ECS::Service': ['Name'],
  'AWS::ElasticLoadBalancingV2::LoadBalancer': ['DNSName', 'CanonicalHostedZoneID'],
  'AWS::IAM::Role': ['Arn'],
  'AWS::Logs::LogGroup': ['Arn'],
  'AWS::SQS::Queue': ['Arn', 'QueueName'],
};
const PSEUDO = ['AWS::AccountId', 'AWS::NoValue', 'AWS::Partition', 'AWS::Region', 'AWS::StackName', 'AWS::URLSuffix'];
/** What is lost for good with the resource, or what tasks that run still need. */
const STATEFUL = ['AWS::DynamoDB::Table', 'AWS::ECR::Repository', 'AWS::Logs::LogGroup'];
/** A template that is larger has to be put into a bucket first. */
const BODY_BYTES_MAX = 51_200;

interface Groups {
  readonly ParameterGroups: readonly { readonly Parameters: readonly string[] }[];
}

const EACH = TEMPLATES.map((one) => ({ file: one.file, one }));

describe.each(EACH)('deploy/$file', ({ one }) => {
  const { Parameters, Resources, Outputs, Conditions = {} } = one;
  const everything = [Resources, Outputs, Conditions, one.Rules ?? {}];

  it('refers to nothing that is not there', () => {
    for (const { name, attribute, how } of references(everything)) {
      if (how === 'Condition') expect(Conditions, name).toHaveProperty([name]);
      else if (how === 'GetAtt')
        expect(ATTRIBUTES[Resources[name]?.Type ?? ''], `${name}.${attribute}`).toContain(attribute);
      else expect(name in Parameters || name in Resources || PSEUDO.includes(name), name).toBe(true);
    }
    for (const { Condition } of [...Object.values(Resources), ...Object.values(Outputs)]) {
      if (Condition !== undefined) expect(Conditions).toHaveProperty([Condition]);
    }
  });

  it('uses every parameter and every condition', () => {
    const used = new Set(references(everything).map(({ name }) => name));
    const conditions = [...Object.values(Resources), ...Object.values(Outputs)].map(({ Condition }) => Condition);
    expect(Object.keys(Parameters).filter((name) => !used.has(name))).toEqual([]);
    expect(Object.keys(Conditions).filter((name) => !used.has(name) && !conditions.includes(name))).toEqual([]);
  });

  it.each(Object.entries(Parameters))('describes and bounds %s', (name, parameter) => {
    expect(parameter.Description?.length ?? 0, 'a description').toBeGreaterThan(20);
    if (parameter.AllowedPattern !== undefined) {
      expect(parameter.ConstraintDescription, 'what the pattern means').toBeDefined();
    }
    expect(isBounded(parameter), `${name} takes anything`).toBe(true);
    expect(takes(parameter, parameter.Default), `the default of ${name}`).toBe(true);
  });

  it('shows each parameter in one group, where it has groups', () => {
    const { ParameterGroups } = (one.Metadata as { 'AWS::CloudFormation::Interface': Groups } | undefined)?.[
      'AWS::CloudFormation::Interface'
    ] ?? { ParameterGroups: undefined };
    if (!ParameterGroups) return;
    const shown = ParameterGroups.flatMap((group) => group.Parameters);
    expect(shown.sort()).toEqual(Object.keys(Parameters).sort());
  });

  it('describes itself and its outputs', () => {
    expect(one.Description.length).toBeGreaterThan(50);
    expect(one.Description.length).toBeLessThanOrEqual(1024);
    for (const [name, output] of Object.entries(Outputs)) expect(output.Description, name).toBeDefined();
  });

  it.each(Object.entries(Resources).filter(([, { Type }]) => !UNTAGGABLE.includes(Type)))(
    'tags %s',
    (_id, { Properties }) => {
      expect(Properties.Tags).toContainEqual({ Key: 'application', Value: 'lambdacontainer' });
      const keys = (Properties.Tags as { Key: string }[]).map(({ Key }) => Key);
      expect(keys).toContain('component');
      // With ours the controller would take it for its own.
      expect(keys.filter((key) => key.startsWith('lambdacontainer.dev/'))).toEqual([]);
    },
  );

  it('leaves behind what cannot be made anew', () => {
    for (const [id, { Type, DeletionPolicy, UpdateReplacePolicy }] of Object.entries(Resources)) {
      const kept = STATEFUL.includes(Type) ? 'Retain' : Type === 'AWS::SQS::Queue' ? 'Delete' : undefined;
      expect({ id, DeletionPolicy, UpdateReplacePolicy }).toEqual({
        id,
        DeletionPolicy: kept,
        UpdateReplacePolicy: kept,
      });
    }
  });

  it('can be sent as it is', () => {
    expect(Buffer.byteLength(one.text)).toBeLessThanOrEqual(BODY_BYTES_MAX);
    // CloudFormation refuses anchors.
    expect(one.text).not.toMatch(/: [&*]\w/);
  });

  it('lets nobody in and nothing be read but over TLS, unless it is asked to', () => {
    for (const [id, { Type, Properties }] of Object.entries(Resources)) {
      if (Type === 'AWS::EC2::SecurityGroup') {
        expect(JSON.stringify(Properties.SecurityGroupIngress ?? []), id).not.toMatch(/0\.0\.0\.0|::\//);
      }
      if (Type === 'AWS::ECR::Repository') expect(Properties.ImageTagMutability, id).toBe('IMMUTABLE');
      if (Type === 'AWS::DynamoDB::Table') {
        expect(Properties, id).toMatchObject({
          SSESpecification: { SSEEnabled: true },
          DeletionProtectionEnabled: true,
          PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
          BillingMode: 'PAY_PER_REQUEST',
        });
      }
    }
  });
});

describe('the controller’s stack', () => {
  const controller = template('controller.yaml');
  const { Resources } = controller;
  const properties = (id: string) => Resources[id]?.Properties ?? {};
  const [daemon] = properties('TaskDefinition').ContainerDefinitions as Record<string, unknown>[];

  it.each(TABLE_SHAPES.map(({ role }) => ({ role, id: role === 'desired' ? 'DesiredTable' : 'StateTable' })))(
    'makes the $role table of what bootstrap makes it of',
    ({ role, id }) => {
      const made = cloudFormation({ desired: 'x', state: 'x' }).Resources as Template['Resources'];
      const { TableName: _name, ...wanted } = made[id]?.Properties ?? {};
      expect(properties(id), role).toMatchObject(wanted);
    },
  );

  it('runs a daemon that can write nothing but its own disk, as nobody in particular', () => {
    expect(daemon).toMatchObject({
      User: 'node',
      ReadonlyRootFilesystem: true,
      Privileged: false,
      LinuxParameters: { Capabilities: { Drop: ['ALL'] } },
      MountPoints: [{ ContainerPath: '/tmp', SourceVolume: 'tmp' }],
    });
    expect(daemon).not.toHaveProperty('PortMappings');
    expect(properties('Service')).toMatchObject({
      EnableExecuteCommand: false,
      NetworkConfiguration: { AwsvpcConfiguration: { AssignPublicIp: 'DISABLED' } },
    });
    expect(properties('SecurityGroup').SecurityGroupIngress).toEqual([]);
  });

  it('has a standby, and takes no old daemon away before a new one runs', () => {
    expect(controller.Parameters.Replicas?.Default).toBe(2);
    const { MinimumHealthyPercent, DeploymentCircuitBreaker } = properties('Service').DeploymentConfiguration as Record<
      string,
      unknown
    >;
    expect(MinimumHealthyPercent).toBe(100);
    expect(DeploymentCircuitBreaker).toEqual({ Enable: true, Rollback: true });
  });

  it('gives the daemon settings that it understands', () => {
    const { Resync, LogLevel } = controller.Parameters;
    const given = Object.fromEntries(
      ((daemon?.Environment ?? []) as { Name: string; Value: string | { Ref: string } }[]).map(({ Name, Value }) => [
        Name,
        typeof Value === 'string' ? Value : Value.Ref,
      ]),
    );
    expect(given).toEqual({
      LAMBDACONTAINER_DESIRED_TABLE: 'DesiredTable',
      LAMBDACONTAINER_STATE_TABLE: 'StateTable',
      LAMBDACONTAINER_RESYNC: 'Resync',
      LAMBDACONTAINER_EVENTS_QUEUE: 'EventQueue',
      LAMBDACONTAINER_EMF: '1',
      LAMBDACONTAINER_LISTEN_PORT: '8080',
      LOG_LEVEL: 'LogLevel',
      AWS_REGION: 'AWS::Region',
    });
    const settings = readSettings({
      AWS_REGION: 'eu-west-1',
      LAMBDACONTAINER_DESIRED_TABLE: 'one',
      LAMBDACONTAINER_STATE_TABLE: 'two',
      LAMBDACONTAINER_RESYNC: String(Resync?.Default),
      LAMBDACONTAINER_EMF: String(given.LAMBDACONTAINER_EMF),
      LAMBDACONTAINER_LISTEN_PORT: String(given.LAMBDACONTAINER_LISTEN_PORT),
    });
    expect(settings).toMatchObject({
      desiredTable: 'one',
      stateTable: 'two',
      resyncMs: 60_000,
      emf: true,
      // Of the container alone: its health is asked from inside.
      listen: { address: '127.0.0.1', port: 8080 },
    });
    expect(JSON.stringify(daemon?.HealthCheck)).toContain('http://127.0.0.1:8080/healthz');
    for (const level of LogLevel?.AllowedValues ?? []) expect(Object.keys(pino.levels.values)).toContain(level);
  });

  it('keeps the daemon’s own roles out of what may be handed on or assumed', () => {
    const paths = ['TaskRole', 'ExecutionRole'].map((id) => properties(id).Path);
    expect(paths).toEqual(['/lambdacontainer/controller/', '/lambdacontainer/controller/']);
    const handed = ['TaskRoleArns', 'BuildRoleArns', 'SourceRoleArns'].map((name) =>
      String(controller.Parameters[name]?.Default),
    );
    expect(handed).toEqual([
      'arn:*:iam::*:role/lambdacontainer/tasks/*',
      'arn:*:iam::*:role/lambdacontainer/builds/*',
      'arn:*:iam::*:role/lambdacontainer/sources/*',
    ]);
    const pathOf = (file: string, id: string) => template(file).Resources[id]?.Properties.Path;
    expect(pathOf('class.yaml', 'ExecutionRole')).toBe('/lambdacontainer/tasks/');
    expect(pathOf('class.yaml', 'BuildRole')).toBe('/lambdacontainer/builds/');
    expect(pathOf('source.yaml', 'SourceRole')).toBe('/lambdacontainer/sources/');
  });
});

describe('the alarms', () => {
  const { Resources } = template('monitoring.yaml');
  const properties = (id: string) => Resources[id]?.Properties ?? {};

  it.each([
    { filter: 'FatalLines', level: 'fatal', quiet: ['error', 'warn', 'info'] },
    { filter: 'ErrorLines', level: 'error', quiet: ['fatal', 'warn', 'info'] },
  ] as const)('counts lines of level $level', ({ filter, level, quiet }) => {
    const pattern = String(properties(filter).FilterPattern);
    const matches = (as: typeof level | (typeof quiet)[number]) => {
      let line = '';
      const logger = pino({ level: 'trace', base: null }, { write: (text: string) => (line = text) });
      logger[as]({ err: new Error('why') }, 'the daemon ends');
      const [, member = '', wanted = ''] = /^\{ \$\.(\w+) = (\d+) \}$/.exec(pattern) ?? [];
      return (JSON.parse(line) as Record<string, unknown>)[member] === Number(wanted);
    };
    expect(matches(level)).toBe(true);
    for (const other of quiet) expect(matches(other), other).toBe(false);
  });

  it('alarms on metrics that AWS emits, the leader sends or its own filters count, and on no other', () => {
    const counted = ['FatalLines', 'ErrorLines', 'LeasesLost'].map((id) => {
      const [{ MetricName, MetricNamespace }] = properties(id).MetricTransformations as [Record<string, unknown>];
      return JSON.stringify([MetricNamespace, MetricName]);
    });
    const AWS = [
      ['AWS/ECS', 'CPUUtilization'],
      ['AWS/DynamoDB', 'SuccessfulRequestLatency'],
      ['AWS/DynamoDB', 'ReadThrottleEvents'],
      ['AWS/DynamoDB', 'WriteThrottleEvents'],
      ['AWS/ECS', 'MemoryUtilization'],
      ['AWS/SQS', 'ApproximateAgeOfOldestMessage'],
      ['AWS/SQS', 'ApproximateNumberOfMessagesVisible'],
    ].map((metric) => JSON.stringify(metric));
    const sent = EMF_METRICS.map(({ name }) => JSON.stringify([EMF_NAMESPACE, name]));
    const alarms = Object.entries(Resources).filter(([, { Type }]) => Type === 'AWS::CloudWatch::Alarm');
    expect(alarms.length).toBeGreaterThan(4);
    for (const [id, { Properties }] of alarms) {
      const metrics = (
        (Properties.Metrics ?? [{ MetricStat: { Metric: Properties } }]) as {
          MetricStat?: { Metric: Record<string, unknown> };
        }[]
      )
        .flatMap(({ MetricStat }) => MetricStat ?? [])
        .map(({ Metric }) => JSON.stringify([Metric.Namespace, Metric.MetricName]));
      expect(metrics.length, id).toBeGreaterThan(0);
      for (const metric of metrics) expect([...AWS, ...counted, ...sent], id).toContain(metric);
      expect(String(Properties.AlarmDescription).length, id).toBeGreaterThan(30);
      expect(Properties.TreatMissingData, id).toBeDefined();
      const isOfLeader = Properties.Namespace === EMF_NAMESPACE;
      if (isOfLeader)
        expect(Properties.Dimensions, id).toEqual([{ Name: EMF_DIMENSION, Value: { Ref: 'StateTableName' } }]);
    }
  });

  it('counts a lease that was lost by the words with which the daemon ends', () => {
    const words = /\$\.err\.message = "([^*]+)\*"/.exec(String(properties('LeasesLost').FilterPattern))?.[1];
    const said = readFileSync(join(DEPLOY, '../src/controller/controller.ts'), 'utf8');
    expect(words).toBeDefined();
    expect(said).toContain(`message: '${words}`);
  });

  it('takes outputs of the controller’s stack for what it has no default of', () => {
    const needed = Object.entries(template('monitoring.yaml').Parameters).filter(
      ([, { Default }]) => Default === undefined,
    );
    const { Outputs } = template('controller.yaml');
    expect(needed.map(([name]) => name).filter((name) => !(name in Outputs))).toEqual([]);
    expect(DERIVED.monitoring.filter((name) => !(name in Outputs))).toEqual([]);
  });

  it('shows a dashboard that is JSON', () => {
    const { 'Fn::Sub': body } = properties('Dashboard').DashboardBody as { 'Fn::Sub': string };
    const { widgets } = JSON.parse(body.replaceAll(/\$\{[^}]+\}/g, 'x')) as { widgets: { type: string }[] };
    expect(widgets.map(({ type }) => type)).toEqual([
      'metric',
      'metric',
      'metric',
      'metric',
      'metric',
      'metric',
      'metric',
      'metric',
      'metric',
      'log',
    ]);
  });
});

describe('the events of AWS', () => {
  const { Resources } = template('controller.yaml');
  const rules = Object.entries(Resources).filter(([, { Type }]) => Type === 'AWS::Events::Rule');

  it('come by rules for every type that a kind asks for (npm run generate)', () => {
    const text = template('controller.yaml').text;
    expect(withEventRules(text) === text, 'run npm run generate').toBe(true);
    expect(rules.map(([, { Properties }]) => Properties.EventPattern)).toEqual(
      eventRules().map(({ pattern }) => pattern),
    );
    for (const { events } of KINDS.values()) {
      for (const { source, detailType, detail } of events ?? []) {
        const has = (values: unknown, value: string) => Array.isArray(values) && values.includes(value);
        const fitting = eventRules().filter(
          ({ pattern }) => has(pattern.source, source) && has(pattern['detail-type'], detailType),
        );
        const values = Object.values(detail ?? {}).flat();
        expect(
          fitting.some(({ pattern }) => values.every((value) => JSON.stringify(pattern.detail).includes(`"${value}"`))),
          `${source} ${detailType}`,
        ).toBe(true);
      }
    }
  });

  it.each(rules)('%s reaches the queue, under a name that its policy lets in, with dead letters', (_id, resource) => {
    const { Name, Targets, EventPattern } = resource.Properties;
    const name = (Name as { 'Fn::Sub': string })['Fn::Sub'];
    expect(name).toMatch(/^\$\{AWS::StackName\}-[a-z0-9-]+$/);
    // A name has 64 characters, the stack's at most 33.
    expect(name.replace(/^.*\}/, '').length + 33).toBeLessThanOrEqual(64);
    expect(Targets).toEqual([
      {
        Id: 'queue',
        Arn: { 'Fn::GetAtt': ['EventQueue', 'Arn'] },
        DeadLetterConfig: { Arn: { 'Fn::GetAtt': ['DeadLetterQueue', 'Arn'] } },
      },
    ]);
    expect(JSON.stringify(EventPattern).length).toBeLessThanOrEqual(2048);
  });

  it('that need a trail are asked for only where there is one', () => {
    const guarded = rules.filter(([, { Condition }]) => Condition === 'HasTrail').map(([id]) => id);
    expect(guarded).toEqual(
      eventRules()
        .filter(({ needsTrail }) => needsTrail)
        .map(({ id }) => id),
    );
    expect(template('controller.yaml').Parameters.TrailEvents?.Default).toBe('false');
  });

  it('reach the queue from rules of this stack and account alone, over TLS alone, and wait encrypted', () => {
    const { Queues, PolicyDocument } = (Resources.EventQueuePolicy?.Properties ?? {}) as {
      Queues?: unknown;
      PolicyDocument?: { Statement: { Effect: string; Condition: Record<string, unknown> }[] };
    };
    expect(Queues).toEqual([{ Ref: 'EventQueue' }, { Ref: 'DeadLetterQueue' }]);
    const [allow, deny, ...more] = PolicyDocument?.Statement ?? [];
    expect(more).toEqual([]);
    expect(allow).toMatchObject({
      Effect: 'Allow',
      Principal: { Service: 'events.amazonaws.com' },
      Action: 'sqs:SendMessage',
      Condition: {
        StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } },
        ArnLike: { 'aws:SourceArn': { 'Fn::Sub': expect.stringMatching(/:rule\/\$\{AWS::StackName\}-\*$/) } },
      },
    });
    expect(deny).toMatchObject({
      Effect: 'Deny',
      Principal: '*',
      Condition: { Bool: { 'aws:SecureTransport': 'false' } },
    });
    for (const id of ['EventQueue', 'DeadLetterQueue']) {
      expect(Resources[id]?.Properties).toMatchObject({ SqsManagedSseEnabled: true });
    }
    expect(Resources.EventQueue?.Properties.RedrivePolicy).toMatchObject({
      deadLetterTargetArn: { 'Fn::GetAtt': ['DeadLetterQueue', 'Arn'] },
    });
  });
});

describe('docs/deploying.md', () => {
  const page = readFileSync(join(DEPLOY, '../docs/deploying.md'), 'utf8');

  it('speaks of every template, and says of every alarm what to do', () => {
    for (const { file, Resources } of TEMPLATES) {
      expect(page).toContain(`\`${file}\``);
      const alarms = Object.entries(Resources).filter(([, { Type }]) => Type === 'AWS::CloudWatch::Alarm');
      for (const [id] of alarms) expect(page).toMatch(new RegExp(`^\\| \`${id}\` \\| .+ \\| .+ \\|$`, 'm'));
    }
  });

  it('gives the parameters that have to be given, and none that is not there', () => {
    const given = [...page.matchAll(/\b([A-Z][a-z]\w*)=(?!=)/g)].map(([, name = '']) => name);
    const known = TEMPLATES.flatMap(({ Parameters }) => Object.keys(Parameters));
    expect(given.filter((name) => !known.includes(name))).toEqual([]);
    for (const id of ['controller', 'class'] as const) {
      const file = `${id}.yaml`;
      const needed = Object.entries(template(file).Parameters).filter(
        ([name, { Default }]) => Default === undefined && !DERIVED[id].includes(name),
      );
      for (const [name] of needed) expect(given, `${file}: ${name}`).toContain(name);
    }
  });
});

describe('the class’s stack', () => {
  const { Resources, Rules } = template('class.yaml');

  it('speaks TLS 1.2 at least, and redirects what comes in clear', () => {
    expect(Resources.HttpsListener?.Properties.SslPolicy).toBe('ELBSecurityPolicy-TLS13-1-2-2021-06');
    expect(Resources.RedirectListener?.Properties.DefaultActions).toMatchObject([
      { Type: 'redirect', RedirectConfig: { Protocol: 'HTTPS' } },
    ]);
    expect(Resources.HttpListener?.Condition).toBe('HasNoCertificate');
  });

  it('is not internet-facing without a certificate', () => {
    expect(Rules).toEqual({
      PublicOverTls: {
        RuleCondition: { 'Fn::Equals': [{ Ref: 'Scheme' }, 'internet-facing'] },
        Assertions: [
          {
            Assert: { 'Fn::Not': [{ 'Fn::Equals': [{ Ref: 'CertificateArn' }, ''] }] },
            AssertDescription: 'An internet-facing load balancer needs a certificate (CertificateArn).',
          },
        ],
      },
    });
  });

  it('has the names that the controller’s stack expects, unless it is told otherwise', () => {
    const { Parameters: ours } = template('class.yaml');
    const { Parameters: theirs } = template('controller.yaml');
    expect(ours.Name?.Default).toBe(theirs.ClusterName?.Default);
    expect(ours.Name?.Default).toBe(theirs.LoadBalancerName?.Default);
    expect(ours.RepositoryPrefix?.Default).toBe(theirs.RepositoryPrefix?.Default);
    expect(ours.FunctionNames?.Default).toBe(theirs.FunctionNames?.Default);
    expect(ours.ArchiveBuckets?.Default).toBe(theirs.ArchiveBuckets?.Default);
    const images = template('images.yaml').Parameters.Prefix?.Default;
    expect(ours.ImagesPrefix?.Default).toBe(images);
    expect(theirs.ImageRepository?.Default).toBe(`${images}/controller`);
    // Else a namespace 'adapter' would have the adapter's repository.
    expect(`${images}/`.startsWith(`${ours.RepositoryPrefix?.Default}/`)).toBe(false);
  });

  it('builds log where CodeBuild of the class does', () => {
    expect(Resources.BuildLogGroup?.Properties.LogGroupName).toEqual({
      'Fn::Sub': `/aws/codebuild/${projectName('$')}{ClassName}`,
    });
  });
});

describe('the policies of people and sources', () => {
  it.each([
    { file: 'namespace.yaml', id: 'NamespacePolicy' },
    { file: 'source.yaml', id: 'SourceRole' },
  ])('$file reaches no record without a leading key', ({ file, id }) => {
    const statements = grantsOf(template(file)).filter(({ where }) => where.includes(` ${id} `));
    expect(statements.length).toBeGreaterThan(0);
    for (const { where, statement } of statements) {
      expect(statement.Condition, where).toMatchObject({
        'ForAllValues:StringEquals': { 'dynamodb:LeadingKeys': expect.anything() },
        Null: { 'dynamodb:LeadingKeys': 'false' },
      });
      // They have no leading key, so that ForAllValues would be true of them.
      for (const action of ['dynamodb:Scan', 'dynamodb:PartiQLSelect', 'dynamodb:DescribeTable']) {
        expect(list(statement.Action), where).not.toContain(action);
      }
    }
  });

  it.each([
    { value: 'shop', namespace: true, source: true, reason: 'a namespace' },
    { value: '_system', namespace: false, source: true, reason: 'classes decide roles and networks of everybody' },
    { value: '_controller', namespace: false, source: false, reason: 'no partition of the desired table' },
    { value: 'shop*', namespace: false, source: false, reason: 'StringEquals knows no patterns' },
    { value: '', namespace: false, source: false, reason: 'nobody' },
  ])("'$value': $reason", ({ value, namespace, source }) => {
    expect(takes(template('namespace.yaml').Parameters.Namespaces, value)).toBe(namespace);
    expect(takes(template('source.yaml').Parameters.Namespaces, value)).toBe(source);
  });

  it('the team reads classes and writes none', () => {
    const system = grantsOf(template('namespace.yaml'))
      .map(({ statement }) => statement)
      .filter(({ Condition }) => JSON.stringify(Condition).includes('_system'));
    expect(system.map(({ Sid, Action }) => ({ Sid, Action }))).toEqual([
      { Sid: 'ReadClasses', Action: 'dynamodb:GetItem' },
    ]);
  });
});

function isBounded({ Type, AllowedPattern, AllowedValues, MinValue, Default }: Parameter): boolean {
  if (Type.startsWith('AWS::') || Type.startsWith('List<AWS::')) return true;
  if (Type === 'Number') return MinValue !== undefined || AllowedValues !== undefined;
  // Lists of ARNs begin with something that says how they look.
  if (Type === 'CommaDelimitedList') return AllowedPattern !== undefined || Default !== undefined;
  return AllowedPattern !== undefined || AllowedValues !== undefined;
}

/** As CloudFormation judges: the whole value, and each member of a list. */
function takes(parameter: Parameter | undefined, value: string | number | undefined): boolean {
  if (!parameter || value === undefined) return parameter !== undefined;
  const { Type, AllowedPattern, AllowedValues } = parameter;
  if (AllowedValues && !AllowedValues.map(String).includes(String(value))) return false;
  if (AllowedPattern === undefined) return true;
  const values = Type === 'CommaDelimitedList' ? String(value).split(',') : [String(value)];
  return values.every((one) => new RegExp(`^(?:${AllowedPattern})$`).test(one));
}

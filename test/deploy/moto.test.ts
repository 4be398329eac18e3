/**
 * The templates in the hands of moto's CloudFormation: everything that it knows is created, and what is created is what
 * the program asks for. Skipped where there is no `moto_server`; CI installs it.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatManifestDefect, parseManifests, validateClass } from '../../src/api/index.ts';
import { checkTable } from '../../src/cli/tables/table-check.ts';
import { TABLE_SHAPES } from '../../src/cli/tables/table-shapes.ts';
import { networkChecks } from '../../src/cli/verify/network-checks.ts';
import { iamRole } from '../../src/kinds/index.ts';
import { all, hasMoto, Moto, REGION, type Stack, UNKNOWN_TO_MOTO } from './moto.ts';
import { template } from './template.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;

describe.skipIf(!hasMoto)(`CloudFormation of moto${hasMoto ? '' : ' (skipped: no moto_server on the PATH)'}`, () => {
  let moto: Moto;
  let vpc: string;
  let subnets: string;
  const stacks: Record<string, Stack> = {};

  beforeAll(async () => {
    moto = await Moto.start();
    const ec2 = (Action: string) => moto.call('ec2', { Action }, '2016-11-15');
    vpc = all(await ec2('DescribeVpcs'), 'vpcId')[0] ?? '';
    subnets = all(await ec2('DescribeSubnets'), 'subnetId')
      .slice(0, 2)
      .join(',');
    const { CertificateArn } = await moto.callJson('acm', 'CertificateManager.RequestCertificate', {
      DomainName: 'shop.example.com',
    });
    const network = { VpcId: vpc, TaskSubnetIds: subnets, LoadBalancerSubnetIds: subnets };
    const images = { AdapterDigest: DIGEST, BuilderDigest: DIGEST };
    stacks.images = await moto.createStack('images', 'images.yaml', {});
    stacks.controller = await moto.createStack('controller', 'controller.yaml', {
      ImageDigest: DIGEST,
      VpcId: vpc,
      SubnetIds: subnets,
      GitOverSsh: 'true',
      TrailEvents: 'true',
    });
    const { DaemonCluster, DaemonService, LogGroupName, EventQueueName, DeadLetterQueueName } = stacks.controller
      .outputs as Record<string, string>;
    stacks.monitoring = await moto.createStack('monitoring', 'monitoring.yaml', {
      DaemonCluster: DaemonCluster ?? '',
      DaemonService: DaemonService ?? '',
      LogGroupName: LogGroupName ?? '',
      EventQueueName: EventQueueName ?? '',
      DeadLetterQueueName: DeadLetterQueueName ?? '',
      AlarmTopicArn: 'arn:aws:sns:eu-west-1:123456789012:alarms',
    });
    stacks.internal = await moto.createStack('internal', 'class.yaml', { ...network, ...images });
    stacks.public = await moto.createStack('public', 'class.yaml', {
      ...network,
      ...images,
      ClassName: 'public',
      Name: 'lambdacontainer-public',
      Scheme: 'internet-facing',
      CertificateArn: String(CertificateArn),
      DomainName: 'shop.example.com',
      ClientCidr: '0.0.0.0/0',
      AccessLogBucket: 'logs',
    });
    const people = 'arn:aws:iam::123456789012:role/developer';
    stacks.reader = await moto.createStack('reader', 'reader.yaml', { PrincipalArns: people });
    stacks.namespace = await moto.createStack('namespace', 'namespace.yaml', {
      Namespaces: 'shop,blog',
      PrincipalArns: people,
    });
    stacks.source = await moto.createStack('source', 'source.yaml', {
      Namespaces: 'shop',
      ControllerRoleArn: stacks.controller.outputs.TaskRoleArn ?? '',
      ExternalId: 'shop-source-7f3a91c2',
    });
  }, 120_000);
  afterAll(() => moto.close());

  it.each([
    { stack: 'images', file: 'images.yaml', without: [] },
    { stack: 'controller', file: 'controller.yaml', without: [] },
    { stack: 'monitoring', file: 'monitoring.yaml', without: [] },
    { stack: 'internal', file: 'class.yaml', without: ['HttpsListener', 'RedirectListener'] },
    { stack: 'public', file: 'class.yaml', without: ['HttpListener'] },
    { stack: 'reader', file: 'reader.yaml', without: [] },
    { stack: 'namespace', file: 'namespace.yaml', without: [] },
    { stack: 'source', file: 'source.yaml', without: [] },
  ])('creates all of $stack from $file', ({ stack, file, without }) => {
    const wanted = Object.entries(template(file).Resources)
      .filter(([id, { Type }]) => !UNKNOWN_TO_MOTO.includes(Type) && !(without as string[]).includes(id))
      .map(([id]) => id);
    expect(stacks[stack]?.status).toBe('CREATE_COMPLETE');
    expect([...(stacks[stack]?.resources ?? [])].sort()).toEqual(wanted.sort());
  });

  it.each(TABLE_SHAPES.map((shape) => ({ role: shape.role, shape })))(
    'makes the $role table as bootstrap would',
    async ({ role, shape }) => {
      const name = stacks.controller?.outputs[role === 'desired' ? 'DesiredTableName' : 'StateTableName'] ?? '';
      const { lacks, defects } = await checkTable(moto.ports.dynamodb, name, shape, true);
      expect(defects).toEqual([]);
      // moto's CloudFormation drops both; that they stand in the template is checked in templates.test.ts.
      expect(lacks.filter((lack) => lack !== 'expiry' && lack !== 'recovery')).toEqual([]);
    },
  );

  it.each([
    { stack: 'internal', name: 'standard', url: /^http:\/\/lambdacontainer-/ },
    { stack: 'public', name: 'public', url: /^https:\/\/shop\.example\.com$/ },
  ])('prints a class that is valid as it is: $name', ({ stack, name, url }) => {
    const { objects, defects } = parseManifests(stacks[stack]?.outputs.ClassManifest ?? '', 'ClassManifest');
    expect(defects.map(formatManifestDefect)).toEqual([]);
    expect(objects).toMatchObject([{ kind: 'LambdaContainerClass', name }]);
    const { spec, defects: wrong } = validateClass(objects[0]?.spec);
    expect(wrong).toEqual([]);
    expect(spec?.listeners[0]?.url).toMatch(url);
    expect(spec?.subnets.join(',')).toBe(subnets);
    expect(spec?.roles.execution).toContain(':role/lambdacontainer/tasks/');
    expect(spec?.roles.build).toContain(':role/lambdacontainer/builds/');
    // An output that is longer cannot be relied on.
    expect(stacks[stack]?.outputs.ClassManifest?.length).toBeLessThanOrEqual(4096);
  });

  it('gives tasks a role that the controller accepts', async () => {
    const { spec } = validateClass(parseManifests(stacks.internal?.outputs.ClassManifest ?? '', 'x').objects[0]?.spec);
    const io = { aws: moto.ports, region: REGION, nowMs: () => 0, immutable: new Map() };
    const seen = await iamRole.observe(io, { roleArn: spec?.roles.execution ?? '' }, {});
    expect(seen && iamRole.readiness(seen, { mustTrust: 'ecs-tasks.amazonaws.com' })).toEqual({ state: 'ready' });
  });

  it('starts the daemon with the tables, the image and the rights that the stack made', async () => {
    const { DaemonCluster = '', DaemonService = '' } = stacks.controller?.outputs ?? {};
    const { services } = await moto.ports.ecs.describeServices({ cluster: DaemonCluster, services: [DaemonService] });
    const [running] = services ?? [];
    expect(running).toMatchObject({ desiredCount: 2 });
    const { taskDefinition } = await moto.ports.ecs.describeTaskDefinition({
      taskDefinition: running?.taskDefinition ?? '',
    });
    const [daemon] = taskDefinition?.containerDefinitions ?? [];
    expect(daemon?.image).toBe(
      `123456789012.dkr.ecr.eu-west-1.amazonaws.com/lambdacontainer-images/controller@${DIGEST}`,
    );
    expect(daemon?.environment).toContainEqual({ name: 'LAMBDACONTAINER_STATE_TABLE', value: 'lambdacontainer-state' });
    // The queue that the rules send to is the queue that the daemon reads.
    const queue = daemon?.environment?.find(({ name }) => name === 'LAMBDACONTAINER_EVENTS_QUEUE')?.value;
    expect(queue).toMatch(new RegExp(`/${stacks.controller?.outputs.EventQueueName}$`));
    expect(stacks.controller?.outputs.TaskRoleArn).toContain(':role/lambdacontainer/controller/');
  });

  it('has a network of which verify says whether tasks get out of it', async () => {
    const look = async () =>
      (
        await networkChecks('standard', { subnets: subnets.split(','), assignPublicIp: false }, moto.accountPorts.ec2)
      ).map(({ level, message }) => `${level} ${message}`);
    const lacking = (...services: string[]) =>
      `fail it has no default route, and there is no endpoint for ${services.join(', ')}: tasks cannot start`;
    expect(await look()).toEqual([
      'ok tasks are spread over 2 zones',
      ...Array(2).fill(lacking('ecr.api', 'ecr.dkr', 'logs', 's3')),
    ]);
    await moto.call(
      'ec2',
      {
        Action: 'CreateVpcEndpoint',
        VpcId: vpc,
        ServiceName: `com.amazonaws.${REGION}.logs`,
        VpcEndpointType: 'Interface',
        PrivateDnsEnabled: 'true',
      },
      '2016-11-15',
    );
    expect(await look()).toContain(lacking('ecr.api', 'ecr.dkr', 's3'));
  });

  it('gives a source a role that names its controller and its external id', async () => {
    const arn = stacks.source?.outputs.RoleArn ?? '';
    expect(arn).toContain(':role/lambdacontainer/sources/');
    const { Role } = await moto.ports.iam.getRole({ RoleName: arn.slice(arn.lastIndexOf('/') + 1) });
    expect(JSON.parse(decodeURIComponent(Role?.AssumeRolePolicyDocument ?? ''))).toMatchObject({
      Statement: [
        {
          Principal: { AWS: stacks.controller?.outputs.TaskRoleArn },
          Condition: { StringEquals: { 'sts:ExternalId': 'shop-source-7f3a91c2' } },
        },
      ],
    });
  });
});

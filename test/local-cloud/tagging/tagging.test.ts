/** GetResources over everything that holds tags: filters, pages, lists of ARNs, and what it refuses. */
import { beforeAll, describe, expect, it } from 'vitest';
import { createDirectPorts } from '../../../src/local-cloud/direct-ports.ts';
import { makeGroup, makeRole, makeRule, register } from '../../conformance/account.ts';
import { TestCloud } from '../../conformance/test-cloud.ts';

const TAGS = { owner: 'us', team: 'a' };
const upper = Object.entries(TAGS).map(([Key, Value]) => ({ Key, Value }));
const lower = Object.entries(TAGS).map(([key, value]) => ({ key, value }));

let cloud: TestCloud;
const get = async (input: object = {}) => {
  const { ResourceTagMappingList = [], PaginationToken } = await cloud.user.tagging.getResources(input);
  return {
    arns: ResourceTagMappingList.map(({ ResourceARN }) => ResourceARN ?? ''),
    list: ResourceTagMappingList,
    PaginationToken,
  };
};
const typeOf = (arn: string) => `${arn.split(':')[2]}:${arn.split(':').slice(5).join(':').split(/[/:]/)[0]}`;

beforeAll(async () => {
  cloud = new TestCloud(1, createDirectPorts);
  const call = (service: Parameters<typeof cloud.cloud.call>[0], operation: string, input: object) =>
    cloud.cloud.call(service, operation, input) as Record<string, never>;
  const rule = await makeRule(cloud, [await makeGroup(cloud, 'group', 'ip')]);
  const group = (await cloud.user.elbv2.describeTargetGroups({})).TargetGroups?.[0]?.TargetGroupArn ?? '';
  call('elbv2', 'AddTags', { ResourceArns: [rule, group], Tags: upper });
  call('logs', 'CreateLogGroup', { logGroupName: '/tagged', tags: TAGS });
  call('logs', 'CreateLogGroup', { logGroupName: '/untagged' });
  call('ecr', 'CreateRepository', { repositoryName: 'tagged', tags: upper });
  call('sqs', 'CreateQueue', { QueueName: 'tagged', tags: TAGS });
  call('events', 'PutRule', { Name: 'tagged', EventPattern: '{"source":["a"]}', Tags: upper });
  call('ecs', 'CreateCluster', { clusterName: 'main', tags: lower });
  await cloud.user.ecs.registerTaskDefinition({ ...(await register(cloud)), family: 'web', tags: lower });
  await cloud.user.ecs.createService({
    cluster: 'main',
    serviceName: 'web',
    taskDefinition: 'web',
    desiredCount: 0,
    launchType: 'FARGATE',
    networkConfiguration: { awsvpcConfiguration: { subnets: ['subnet-1'] } },
    tags: lower,
  });
  await cloud.user.autoscaling.registerScalableTarget({
    ServiceNamespace: 'ecs',
    ResourceId: 'service/main/web',
    ScalableDimension: 'ecs:service:DesiredCount',
    MinCapacity: 0,
    MaxCapacity: 1,
    Tags: TAGS,
  });
  await cloud.user.codebuild.createProject({
    name: 'tagged',
    source: { type: 'NO_SOURCE', buildspec: 'version: 0.2' },
    artifacts: { type: 'NO_ARTIFACTS' },
    environment: { type: 'LINUX_CONTAINER', image: 'a:b', computeType: 'BUILD_GENERAL1_SMALL' },
    serviceRole: await makeRole(cloud, 'build', 'codebuild.amazonaws.com'),
    tags: [...lower, { key: 'team', value: 'b' }].slice(0, 1),
  });
});

it('finds what is tagged, of every service, with all of its tags', async () => {
  const { list } = await get();
  expect([...new Set(list.map(({ ResourceARN = '' }) => typeOf(ResourceARN)))]).toEqual(
    expect.arrayContaining([
      'application-autoscaling:scalable-target',
      'codebuild:project',
      'ecr:repository',
      'ecs:cluster',
      'ecs:service',
      'ecs:task-definition',
      'elasticloadbalancing:listener-rule',
      'elasticloadbalancing:targetgroup',
      'events:rule',
      'logs:log-group',
      'sqs:tagged',
    ]),
  );
  expect(list.find(({ ResourceARN }) => ResourceARN?.includes(':repository/'))?.Tags).toEqual(upper);
  expect(list.map(({ ResourceARN }) => ResourceARN).join()).not.toContain('untagged');
});

describe('filters', () => {
  const cases: { reason: string; input: object; types: string[] }[] = [
    {
      reason: 'by type',
      input: { ResourceTypeFilters: ['ecs:service', 'elasticloadbalancing:targetgroup'] },
      types: ['ecs:service', 'elasticloadbalancing:targetgroup'],
    },
    { reason: 'by service', input: { ResourceTypeFilters: ['logs'] }, types: ['logs:log-group'] },
    {
      reason: 'a type is a whole one',
      input: { ResourceTypeFilters: ['elasticloadbalancing:listener'] },
      types: [],
    },
    {
      reason: 'by key',
      input: { ResourceTypeFilters: ['codebuild'], TagFilters: [{ Key: 'owner' }] },
      types: ['codebuild:project'],
    },
    {
      reason: 'by a key that it has not',
      input: { ResourceTypeFilters: ['codebuild'], TagFilters: [{ Key: 'team' }] },
      types: [],
    },
    {
      reason: 'any value of a key',
      input: { ResourceTypeFilters: ['ecr'], TagFilters: [{ Key: 'team', Values: ['b', 'a'] }] },
      types: ['ecr:repository'],
    },
    {
      reason: 'every key',
      input: {
        ResourceTypeFilters: ['ecr'],
        TagFilters: [
          { Key: 'team', Values: ['a'] },
          { Key: 'owner', Values: ['b'] },
        ],
      },
      types: [],
    },
  ];
  it.each(cases)('$reason', async ({ input, types }) => {
    expect((await get(input)).arns.map(typeOf).sort()).toEqual(types);
  });
});

it('cuts pages, which together are everything once', async () => {
  const all = (await get({ ResourcesPerPage: 100 })).arns;
  const paged: string[] = [];
  let PaginationToken: string | undefined = '';
  do {
    const page = await get({ ResourcesPerPage: 3, PaginationToken });
    expect(page.arns.length).toBeLessThanOrEqual(3);
    paged.push(...page.arns);
    PaginationToken = page.PaginationToken;
  } while (PaginationToken);
  expect(paged).toEqual(all);
});

it('answers a list of ARNs with those of them that are tagged', async () => {
  const [first = ''] = (await get({ ResourceTypeFilters: ['logs'] })).arns;
  const { arns } = await get({ ResourceARNList: [first, 'arn:aws:logs:us-east-1:000000000000:log-group:/untagged'] });
  expect(arns).toEqual([first]);
});

describe('refuses', () => {
  const cases = [
    { reason: 'more than a hundred a page', input: { ResourcesPerPage: 101 }, code: 'InvalidParameterException' },
    {
      reason: 'more than a hundred ARNs',
      input: { ResourceARNList: Array(101).fill('arn:aws:logs:us-east-1:0:log-group:/a') },
      code: 'InvalidParameterException',
    },
    {
      reason: 'ARNs and filters together',
      input: { ResourceARNList: ['arn:aws:logs:us-east-1:0:log-group:/a'], TagFilters: [{ Key: 'a' }] },
      code: 'InvalidParameterException',
    },
    { reason: 'an ARN that is none', input: { ResourceARNList: ['a'] }, code: 'InvalidParameterException' },
    { reason: 'a type that is none', input: { ResourceTypeFilters: ['a b'] }, code: 'InvalidParameterException' },
    { reason: 'a filter without a key', input: { TagFilters: [{ Values: ['a'] }] }, code: 'InvalidParameterException' },
    { reason: 'a token of nobody’s', input: { PaginationToken: 'x' }, code: 'PaginationTokenExpiredException' },
    { reason: 'compliance', input: { IncludeComplianceDetails: true }, code: 'InvalidParameterException' },
  ];
  it.each(cases)('$reason', async ({ input, code }) => {
    await expect(get(input)).rejects.toMatchObject({ code });
  });
});

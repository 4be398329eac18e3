/**
 * What every listing that a kind is swept by must do: show what it is asked for, in as many calls as it says, nothing of
 * a scope that is gone, and never conclude anything from a page that could not be read. A listing is tested by being
 * used; all that it brings is an entry that makes things to list.
 */
import { describe, expect, it } from 'vitest';
import {
  type Listing,
  lambdaFunctions,
  scalingPolicyName,
  taggedResources,
  targetGroups,
} from '../../src/aws/index.ts';
import { listenerOfRule, listenerRules } from '../../src/aws/listings/listener-rules.ts';
import { Failure } from '../../src/core/index.ts';
import { KINDS } from '../../src/kinds/index.ts';
import { AwsError } from '../../src/local-cloud/contract.ts';
import { makeZip } from '../oci/make-zip.ts';
import { makeGroup, makeListener, makeRole, makeTaskDefinition, projectProps } from './account.ts';
import { TestCloud } from './test-cloud.ts';

interface Filled {
  readonly scope: string;
  readonly names: readonly string[];
}

interface Case {
  /** More than this many need more than one call. */
  readonly perCall: number;
  /** Makes so many; and strangers, where the listing is to leave them out. */
  readonly fill: (cloud: TestCloud, count: number) => Promise<Filled>;
  /** A scope that does not exist. */
  readonly nowhere?: string;
  /** AWS allows fewer than would fill a page. */
  readonly most?: number;
}

const named = (count: number, prefix = 'lc-') => Array.from({ length: count }, (_, index) => `${prefix}${index}`);

async function each(names: readonly string[], make: (name: string, index: number) => Promise<unknown>): Promise<void> {
  for (const [index, name] of names.entries()) await make(name, index);
}

async function makeServices(cloud: TestCloud, names: readonly string[]): Promise<void> {
  await cloud.user.ecs.createCluster({ clusterName: 'main' });
  const taskDefinition = await makeTaskDefinition(cloud);
  await each(names, (serviceName) =>
    cloud.user.ecs.createService({
      cluster: 'main',
      serviceName,
      taskDefinition,
      desiredCount: 0,
      launchType: 'FARGATE',
      networkConfiguration: { awsvpcConfiguration: { subnets: ['subnet-1'], securityGroups: ['sg-1'] } },
    }),
  );
}

async function makeTargets(cloud: TestCloud, names: readonly string[]): Promise<string[]> {
  await makeServices(cloud, names);
  const ids = names.map((name) => `service/main/${name}`);
  await each(ids, (ResourceId) =>
    cloud.user.autoscaling.registerScalableTarget({ ...DIMENSION, ResourceId, MinCapacity: 0, MaxCapacity: 4 }),
  );
  return ids;
}

const DIMENSION = { ServiceNamespace: 'ecs', ScalableDimension: 'ecs:service:DesiredCount' } as const;

const CASES: Readonly<Record<string, Case>> = {
  'ecs DescribeServices': {
    perCall: 10,
    nowhere: 'none',
    fill: async (cloud, count) => {
      const names = named(count);
      await makeServices(cloud, [...names, 'theirs']);
      return { scope: 'main', names };
    },
  },
  'elbv2 DescribeTargetGroups': {
    perCall: 400,
    fill: async (cloud, count) => {
      const names = named(count);
      await each(names, (name) => makeGroup(cloud, name, 'ip'));
      return { scope: '', names };
    },
  },
  'elbv2 DescribeRules': {
    perCall: 399,
    // Rules per load balancer.
    most: 100,
    nowhere: 'arn:aws:elasticloadbalancing:us-east-1:000000000000:listener/app/none/0123456789abcdef/0123456789abcdef',
    fill: async (cloud, count) => {
      const scope = await makeListener(cloud);
      const names: string[] = [];
      await each(named(count), async (name, index) => {
        const { Rules } = await cloud.user.elbv2.createRule({
          ListenerArn: scope,
          Priority: index + 1,
          Conditions: [{ Field: 'path-pattern', PathPatternConfig: { Values: [`/${name}`] } }],
          Actions: [{ Type: 'fixed-response', FixedResponseConfig: { StatusCode: '200' } }],
        });
        names.push(Rules?.[0]?.RuleArn ?? '');
      });
      return { scope, names };
    },
  },
  'ecr DescribeImages': {
    perCall: 1_000,
    nowhere: 'none',
    fill: async (cloud, count) => {
      const scope = 'lambdacontainer/shop';
      await cloud.user.ecr.createRepository({ repositoryName: scope });
      const names = named(count);
      cloud.enter((nowMs) => {
        for (const name of names) cloud.pushImage(scope, name, nowMs);
      });
      return { scope, names };
    },
  },
  'ecr DescribeRepositories': {
    perCall: 100,
    fill: async (cloud, count) => {
      const names = named(count, 'lambdacontainer/');
      await each([...names, 'theirs'], (repositoryName) => cloud.user.ecr.createRepository({ repositoryName }));
      return { scope: '', names };
    },
  },
  'codebuild BatchGetProjects': {
    perCall: 100,
    fill: async (cloud, count) => {
      const { create } = KINDS.get('codebuild-project') ?? {};
      const props = await projectProps(cloud);
      const names = named(count);
      await each([...names, 'theirs'], async (projectName) =>
        create?.({ ...cloud.io, aws: cloud.user }, { projectName }, props, { token: 't', tags: {} }),
      );
      return { scope: '', names };
    },
  },
  'logs DescribeLogGroups': {
    perCall: 50,
    fill: async (cloud, count) => {
      const names = named(count, '/lambdacontainer/shop/');
      await each([...names, '/theirs'], (logGroupName) => cloud.user.logs.createLogGroup({ logGroupName }));
      return { scope: '', names };
    },
  },
  'lambda ListFunctions': {
    perCall: 50,
    fill: async (cloud, count) => {
      const names = named(count);
      const Role = await makeRole(cloud, 'function', 'lambda.amazonaws.com');
      const ZipFile = makeZip([{ name: 'index.mjs', content: 'export const handler = () => ({});' }]);
      await each(names, (FunctionName) =>
        cloud.user.lambda.createFunction({
          FunctionName,
          Role,
          Runtime: 'nodejs22.x',
          Handler: 'index.handler',
          Code: { ZipFile },
        }),
      );
      return { scope: '', names };
    },
  },
  'autoscaling DescribeScalableTargets': {
    perCall: 50,
    fill: async (cloud, count) => ({ scope: '', names: await makeTargets(cloud, named(count)) }),
  },
  'autoscaling DescribeScalingPolicies': {
    perCall: 10,
    fill: async (cloud, count) => {
      const ids = await makeTargets(cloud, named(count));
      await each(ids, (ResourceId) =>
        cloud.user.autoscaling.putScalingPolicy({
          ...DIMENSION,
          ResourceId,
          PolicyName: 'cpu',
          PolicyType: 'TargetTrackingScaling',
          TargetTrackingScalingPolicyConfiguration: {
            TargetValue: 60,
            PredefinedMetricSpecification: { PredefinedMetricType: 'ECSServiceAverageCPUUtilization' },
          },
        }),
      );
      return { scope: '', names: ids.map((id) => scalingPolicyName(id, 'cpu')) };
    },
  },
  'tagging GetResources': {
    perCall: 100,
    fill: async (cloud, count) => {
      const names = named(count, '/lambdacontainer/shop/');
      await each(names, (logGroupName) =>
        cloud.user.logs.createLogGroup({ logGroupName, tags: { 'lambdacontainer.dev/owner': 'conformance' } }),
      );
      await cloud.user.logs.createLogGroup({ logGroupName: '/theirs', tags: { team: 'payments' } });
      return { scope: '', names: names.map((name) => `arn:aws:logs:us-east-1:000000000000:log-group:${name}`) };
    },
  },
};

const LISTINGS: ReadonlyMap<string, Listing> = new Map(
  [...KINDS.values()]
    .flatMap(({ sweep }) => (sweep ? [sweep.listing as Listing] : []))
    .concat(taggedResources as Listing)
    .map((listing) => [listing.name, listing]),
);

async function namesIn(listing: Listing, cloud: TestCloud, { scope, names }: Filled): Promise<Set<string>> {
  const seen = new Set<string>();
  for await (const page of listing.list(cloud.io.aws, scope, names, { priority: 'sweep' })) {
    for (const entry of page) for (const name of listing.namesOf(entry)) seen.add(name);
  }
  return seen;
}

it('there is a case for every listing that a kind is swept by, and for no other', () => {
  expect(Object.keys(CASES).sort()).toEqual([...LISTINGS.keys()].sort());
});

describe.each([...LISTINGS.values()])('$name', (listing) => {
  const { perCall, fill, nowhere, most } = CASES[listing.name] ?? { perCall: 1, fill: async () => ({}) as Filled };

  it.each([1, Math.min(perCall, most ?? perCall), Math.min(perCall + 1, most ?? perCall + 1)])(
    'shows all of %i in as many calls as it says',
    async (count) => {
      const cloud = new TestCloud();
      const filled = await fill(cloud, count);
      cloud.calls.length = 0;
      const seen = await namesIn(listing, cloud, filled);
      expect(filled.names.filter((name) => !seen.has(name))).toEqual([]);
      expect(cloud.calls.length, cloud.calls.join()).toBe(listing.calls(count));
      expect(listing.calls(count)).toBe(count > perCall ? 2 : 1);
      const [service, operation = ''] = listing.name.split(' ');
      expect(new Set(cloud.calls)).toEqual(
        new Set([`${service}.${operation.charAt(0).toLowerCase()}${operation.slice(1)}`]),
      );
    },
  );

  it('shows the rest when one that is looked for is not there', async () => {
    const cloud = new TestCloud();
    const { scope, names } = await fill(cloud, 3);
    const gone = listing.name === 'autoscaling DescribeScalingPolicies' ? 'service/main/gone cpu' : `${names[0]}-gone`;
    const seen = await namesIn(listing, cloud, { scope, names: [...names, gone] });
    expect(names.filter((name) => !seen.has(name))).toEqual([]);
    expect(seen.has(gone)).toBe(false);
  });

  if (nowhere !== undefined) {
    it('shows nothing of a scope that is gone', async () => {
      expect(await namesIn(listing, new TestCloud(), { scope: nowhere, names: ['a'] })).toEqual(new Set());
    });
  }

  it.each([
    { code: 'ThrottlingException', status: 400, reason: 'what it did not show is not missing' },
    { code: 'InternalFailure', status: 500, reason: 'what it did not show is not missing' },
  ])('fails with $code: $reason', async ({ code, status }) => {
    const cloud = new TestCloud();
    const filled = await fill(cloud, 2);
    cloud.fault = new AwsError(code, 'not now', status);
    await expect(namesIn(listing, cloud, filled)).rejects.toBeInstanceOf(Failure);
  });
});

describe('fewer calls than pages', () => {
  it('a listing by pages stops when it has seen all that is looked for', async () => {
    const cloud = new TestCloud();
    const { scope } = await (CASES['elbv2 DescribeTargetGroups'] as Case).fill(cloud, 401);
    const { TargetGroups } = await cloud.user.elbv2.describeTargetGroups({ PageSize: 1 });
    const names = [TargetGroups?.[0]?.TargetGroupName ?? ''];
    cloud.calls.length = 0;
    expect([...(await namesIn(targetGroups as Listing, cloud, { scope, names }))]).toContain(names[0]);
    expect(cloud.calls).toHaveLength(1);
  });

  it('functions are asked for one by one where that is fewer calls than the pages of last time', async () => {
    const cloud = new TestCloud();
    const { names } = await (CASES['lambda ListFunctions'] as Case).fill(cloud, 120);
    const wanted = [names.toSorted().at(-1) ?? '', 'gone'];
    const list = () => namesIn(lambdaFunctions as Listing, cloud, { scope: '', names: wanted });
    cloud.calls.length = 0;
    await list();
    expect(cloud.calls, 'nothing is known of the account yet').toEqual(Array(3).fill('lambda.listFunctions'));
    cloud.calls.length = 0;
    const seen = await list();
    expect(cloud.calls).toEqual(['lambda.getFunction', 'lambda.getFunction']);
    expect(seen.has(wanted[0] ?? '')).toBe(true);
    expect(seen.has('gone')).toBe(false);
  });

  it('rules go on from page to page', async () => {
    const cloud = new TestCloud();
    const filled = await (CASES['elbv2 DescribeRules'] as Case).fill(cloud, 5);
    const { describeRules } = cloud.io.aws.elbv2;
    // AWS allows no listener with more rules than one page holds, unless its quota was raised.
    const small: typeof describeRules = (input, call) => describeRules({ ...input, PageSize: 2 }, call);
    const aws = { ...cloud.io.aws, elbv2: { ...cloud.user.elbv2, describeRules: small } };
    const seen: string[] = [];
    for await (const page of listenerRules.list(aws, filled.scope, [], {})) {
      seen.push(...page.map(({ RuleArn = '' }) => RuleArn));
    }
    expect(seen).toHaveLength(6);
    expect(seen).toEqual(expect.arrayContaining([...filled.names]));
  });
});

describe('the listener of a rule', () => {
  const cases = [
    {
      reason: 'an application load balancer',
      rule: 'arn:aws:elasticloadbalancing:eu-west-1:111122223333:listener-rule/app/lb/0123/4567/89ab',
      listener: 'arn:aws:elasticloadbalancing:eu-west-1:111122223333:listener/app/lb/0123/4567',
    },
    {
      reason: 'another partition',
      rule: 'arn:aws-cn:elasticloadbalancing:cn-north-1:111122223333:listener-rule/app/lb/0123/4567/89ab',
      listener: 'arn:aws-cn:elasticloadbalancing:cn-north-1:111122223333:listener/app/lb/0123/4567',
    },
    { reason: 'no rule', rule: 'arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/a/b', listener: undefined },
    { reason: 'nothing', rule: '', listener: undefined },
  ];
  it.each(cases)('is derived from its ARN: $reason', ({ rule, listener }) => {
    expect(listenerOfRule(rule)).toBe(listener);
  });
});

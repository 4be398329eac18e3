/** What the suite for all kinds cannot ask of each: refusals that must pass through as they are, and things gone wrong. */
import { describe, expect, it } from 'vitest';
import { Failure, type FailureKind } from '../../src/core/index.ts';
import * as kinds from '../../src/kinds/index.ts';
import type { CreateCall, ResourceKind } from '../../src/resource/index.ts';
import { makeFunction, makeGroup, makeListener, makeRule, makeTaskDefinition } from './account.ts';
import { heldToItsCalls } from './declared-calls.ts';
import { FIXTURES, type Scenario } from './fixtures.ts';
import { TestCloud } from './test-cloud.ts';

const ecrRepository = heldToItsCalls(kinds.ecrRepository);
const ecsService = heldToItsCalls(kinds.ecsService);
const imageBuild = heldToItsCalls(kinds.imageBuild);
const lambdaTarget = heldToItsCalls(kinds.lambdaTarget);
const listenerRule = heldToItsCalls(kinds.listenerRule);
const scalableTarget = heldToItsCalls(kinds.scalableTarget);
const targetGroup = heldToItsCalls(kinds.targetGroup);

const CALL: CreateCall = { token: 'behaviour', tags: {} };

async function prepare<Props, Observed>(kind: ResourceKind<Props, Observed>) {
  const cloud = new TestCloud();
  const scenario = (await FIXTURES.get(kind.name)?.prepare(cloud)) as Scenario<Props>;
  const observe = async () => {
    const observed = await kind.observe(cloud.io, scenario.identity, {});
    if (observed === undefined) throw new Error(`${kind.name} is absent`);
    return observed;
  };
  return {
    cloud,
    ...scenario,
    observe,
    create: () => kind.create(cloud.io, scenario.identity, scenario.desired, CALL),
  };
}

describe('refusals pass through', () => {
  const cases: { name: string; kind: FailureKind; code: RegExp; reason: string; act: () => Promise<unknown> }[] = [
    {
      name: 'deleting a target group that a rule uses',
      kind: 'conflict',
      code: /^ResourceInUse/,
      reason: 'the rule goes first: it is tried again',
      act: async () => {
        const { cloud, identity, create, observe } = await prepare(targetGroup);
        await create();
        const observed = await observe();
        await makeRule(cloud, [observed.arn]);
        await targetGroup.delete(cloud.io, identity, observed, {});
      },
    },
    {
      name: 'deleting a repository that holds images',
      kind: 'conflict',
      code: /^RepositoryNotEmpty/,
      reason: 'images that we did not make stay',
      act: async () => {
        const { cloud, identity, create, observe } = await prepare(ecrRepository);
        await create();
        cloud.enter((nowMs) => cloud.pushImage(identity.repositoryName ?? '', 'theirs', nowMs));
        await ecrRepository.delete(cloud.io, identity, await observe(), {});
      },
    },
    {
      name: 'a priority that is taken',
      kind: 'conflict',
      code: /^PriorityInUse/,
      reason: 'somebody else made a rule there',
      act: async () => {
        const cloud = new TestCloud();
        const group = await makeGroup(cloud, 'lc-shop-ip', 'ip');
        const listenerArn = await makeListener(cloud);
        const desired = { hosts: [], paths: ['/*'], groups: [group] };
        const identity = { listenerArn, priority: '5' };
        await listenerRule.create(cloud.io, identity, desired, CALL);
        await listenerRule.create(cloud.io, identity, { ...desired, paths: ['/other'] }, CALL);
      },
    },
    {
      name: 'a function that the load balancer may not invoke',
      kind: 'denied',
      code: /^AccessDenied/,
      reason: 'the permission for this group comes first',
      act: async () => {
        const cloud = new TestCloud();
        const targetGroupArn = await makeGroup(cloud, 'lc-shop-fn', 'lambda');
        const functionArn = await makeFunction(cloud);
        await lambdaTarget.create(cloud.io, { targetGroupArn }, { functionArn }, CALL);
      },
    },
    {
      name: 'a service whose target group no listener uses',
      kind: 'invalid',
      code: /^InvalidParameterException$/,
      reason: 'the rule comes first',
      act: async () => {
        const { cloud, identity, desired } = await prepare(ecsService);
        const targetGroupArn = await makeGroup(cloud, 'lc-alone', 'ip');
        const loadBalancer = { targetGroupArn, containerName: 'adapter', containerPort: 8080 };
        await ecsService.create(cloud.io, identity, { ...desired, loadBalancer }, CALL);
      },
    },
    {
      name: 'a service under a name that still drains',
      kind: 'invalid',
      code: /^InvalidParameterException$/,
      reason: 'the name is taken until it is inactive: a new incarnation takes another',
      act: async () => {
        const { cloud, identity, create, observe } = await prepare(ecsService);
        await create();
        await ecsService.delete(cloud.io, identity, await observe(), {});
        const draining = await observe();
        expect(ecsService.readiness(draining, undefined)).toMatchObject({ state: 'ending', reason: 'ServiceDraining' });
        await create();
      },
    },
    {
      name: 'scaling a service that does not exist',
      kind: 'invalid',
      code: /^ValidationException$/,
      reason: 'the service comes first',
      act: async () => {
        const cloud = new TestCloud();
        const desired = { minCapacity: 1, maxCapacity: 2 };
        await scalableTarget.create(cloud.io, { resourceId: 'service/none/none' }, desired, CALL);
      },
    },
    {
      name: 'a rule on a listener that does not exist',
      kind: 'notFound',
      code: /^ListenerNotFound/,
      reason: 'the class names a listener that is gone',
      act: async () => {
        const cloud = new TestCloud();
        const group = await makeGroup(cloud, 'lc-shop-ip', 'ip');
        const listenerArn =
          'arn:aws:elasticloadbalancing:us-east-1:000000000000:listener/app/none/0123456789abcdef/0123456789abcdef';
        const identity = { listenerArn, priority: '1' };
        expect(await listenerRule.observe(cloud.io, identity, {})).toBeUndefined();
        await listenerRule.create(cloud.io, identity, { hosts: [], paths: ['/*'], groups: [group] }, CALL);
      },
    },
  ];
  it.each(cases)('$name is $kind: $reason', async ({ act, kind, code }) => {
    const failure = await act().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(Failure);
    expect(failure).toMatchObject({ kind, code: expect.stringMatching(code) });
  });
});

describe('an image', () => {
  it('whose build fails says why, and is built when tried again', async () => {
    const { cloud, identity, desired, observe, create } = await prepare(imageBuild);
    const failing = { environment: { ...desired.environment, FAIL: 'Superseded: the function changed' } };
    await imageBuild.create(cloud.io, identity, failing, CALL);
    const stateOf = async () => imageBuild.readiness(await observe(), desired).state;
    await cloud.until('the build fails', async () => (await stateOf()) === 'failed');
    const failed = await observe();
    expect(imageBuild.readiness(failed, desired)).toMatchObject({
      reason: 'BuildFailed',
      message: expect.stringContaining('Superseded: the function changed'),
      sinceMs: expect.any(Number),
      retryAfterMs: 60_000,
    });
    await imageBuild.update(cloud.io, identity, desired, failed, [], CALL);
    await cloud.until('the image is there', async () => (await stateOf()) === 'ready');
    await create();
    expect((await observe()).image, 'a build of what exists already gives the same').toBeTruthy();
  });

  it('that nobody wants leaves no failed build behind', async () => {
    const { cloud, identity, desired, observe } = await prepare(imageBuild);
    await imageBuild.create(cloud.io, identity, { environment: { ...desired.environment, FAIL: 'no' } }, CALL);
    await cloud.until('the build fails', async () => imageBuild.readiness(await observe(), desired).state === 'failed');
    await imageBuild.delete(cloud.io, identity, await observe(), {});
    expect(await imageBuild.observe(cloud.io, identity, {})).toBeUndefined();
  });

  it('that somebody deletes is absent once ECR would show what the build pushed, and built anew', async () => {
    const { cloud, identity, desired, observe, create } = await prepare(imageBuild);
    const built = async () => imageBuild.readiness(await observe(), desired).state === 'ready';
    await create();
    await cloud.until('the image is there', built);
    const imageIds = [{ imageTag: identity.tag }];
    await cloud.user.ecr.batchDeleteImage({ repositoryName: identity.repositoryName, imageIds });
    const isAbsent = async () => (await imageBuild.observe(cloud.io, identity, {})) === undefined;
    expect(await isAbsent()).toBe(false);
    await cloud.until('it is absent', isAbsent);
    await create();
    await cloud.until('the image is there again', built);
  });
});

describe('a service', () => {
  it('whose tasks do not start fails, says why, and is tried again', async () => {
    const { cloud, identity, desired, observe, create } = await prepare(ecsService);
    const readiness = async () => ecsService.readiness(await observe(), desired);
    cloud.containers = 'cannot start';
    await create();
    await cloud.until('the deployment fails', async () => (await readiness()).state === 'failed');
    expect(await readiness()).toMatchObject({
      reason: 'DeploymentFailed',
      message: expect.stringMatching(/tasks stopped: .*CannotStartContainerError: no such file/),
      sinceMs: expect.any(Number),
    });
    cloud.containers = 'run';
    await ecsService.update(cloud.io, identity, desired, await observe(), [], CALL);
    await cloud.until('it recovers', async () => (await readiness()).state === 'ready');
  });

  it('whose tasks crash says why, though ECS does not call them failed', async () => {
    const { cloud, desired, observe, create } = await prepare(ecsService);
    cloud.containers = 'crash';
    await create();
    await cloud.pass(90_000);
    expect(ecsService.readiness(await observe(), desired)).toMatchObject({
      state: 'failed',
      reason: 'DeploymentFailed',
      message: expect.stringMatching(/tasks stopped: Essential container in task exited \(adapter: exit code 1\)/),
    });
    cloud.containers = 'run';
    await cloud.until(
      'ECS, which never gave up, succeeds',
      async () => ecsService.readiness(await observe(), desired).state === 'ready',
    );
  });

  it('keeps the count that auto scaling gave it through a change', async () => {
    const { cloud, identity, desired, observe, create } = await prepare(ecsService);
    const settled = async () => ecsService.readiness(await observe(), desired).state === 'ready';
    await create();
    await cloud.until('it settles', settled);
    await cloud.user.ecs.updateService({ cluster: identity.cluster, service: identity.serviceName, desiredCount: 3 });
    await cloud.until('it scales', settled);
    const changed = { ...desired, taskDefinitionArn: await makeTaskDefinition(cloud) };
    const before = await observe();
    await ecsService.update(cloud.io, identity, changed, before, ecsService.diff(changed, before), CALL);
    await cloud.until('it settles', settled);
    expect(await observe()).toMatchObject({ desired: 3, running: 3, taskDefinitionArn: changed.taskDefinitionArn });
  });
});

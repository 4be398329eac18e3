/**
 * Lives of objects and sources that together use every permission of the controller's policy, and what may stay unused
 * with its reason. The test beside it says which statement each scenario needs; nobody assigns them by hand.
 */
import { assumedRole, ecrCredentials } from '../../src/aws/index.ts';
import { putClassPolicies } from '../../src/cli/local/controller-identity.ts';
import { createEventRules } from '../../src/cli/local/event-rules.ts';
import { SecretReader } from '../../src/gitops/source-secret.ts';
import type { Denied } from '../../src/local-cloud/iam/index.ts';
import { DesiredTable } from '../../src/store/index.ts';
import { functionCode, type World } from './world.ts';

/** A call of the controller was denied: the scenario ends where it is. */
export class DeniedAt extends Error {
  readonly denied: Denied;
  constructor(denied: Denied) {
    super(`denied ${denied.action} on ${denied.resource}`);
    this.denied = denied;
  }
}

const ON_FARGATE = { source: { functionRef: { name: 'hello' } }, placement: { mode: 'fargate' } };
const CLUSTER = 'lambdacontainer';

export const SCENARIOS: Readonly<Record<string, (world: World) => Promise<void>>> = {
  'serves on Fargate, changes in every way, and goes': async (world) => {
    await served(world, ON_FARGATE);
    // Long enough for sweeps of everything.
    await world.run(300_000);
    await world.put('shop', 'checkout', {
      ...ON_FARGATE,
      compute: { cpu: 512, memory: 1024 },
      scaling: { max: 5, targets: { cpu: 50 } },
      traffic: { paths: ['/pay/*'], healthCheck: { path: '/health', interval: '20s' } },
    });
    await until(world, 'changed', () => settled(world, 2));
    await changeClass(world, (spec) => ({ ...spec, logs: { retentionDays: 7 } }));
    await until(world, 'kept shorter', async () => (await retentions(world)).every((days) => days === 7));
    await changeClass(world, (spec) => ({
      ...spec,
      logs: { retentionDays: null },
      build: { ...(spec.build as object), timeoutMinutes: 20 },
      health: { deregistrationDelaySec: 7 },
    }));
    await until(world, 'kept for ever', async () => (await retentions(world)).every((days) => days === undefined));
    await until(world, 'builds may take longer', async () => {
      const { projects } = await world.aws.codebuild.batchGetProjects({ names: ['lambdacontainer-standard'] });
      return projects?.[0]?.timeoutInMinutes === 20;
    });
    await world.put('shop', 'checkout', { ...ON_FARGATE, scaling: { max: 5, targets: { requestsPerTask: 100 } } });
    await until(world, 'scaled by something else', async () => {
      const { ScalingPolicies = [] } = await world.aws.autoscaling.describeScalingPolicies({ ServiceNamespace: 'ecs' });
      return ScalingPolicies.length === 1 && /Request/.test(JSON.stringify(ScalingPolicies[0]));
    });
    await removed(world);
  },

  'runs an archive that came late, and then a version of it': async (world) => {
    const archived = (versionId?: string) => ({
      source: {
        archive: {
          s3: { bucket: 'lambdacontainer-archives', key: 'shop.zip', ...(versionId ? { versionId } : {}) },
          runtime: 'nodejs22.x',
          handler: 'index.handler',
        },
      },
    });
    const Bucket = 'lambdacontainer-archives';
    world.cloud.call('s3', 'CreateBucket', { Bucket });
    world.cloud.call('s3', 'PutBucketVersioning', { Bucket, VersioningConfiguration: { Status: 'Enabled' } });
    world.start();
    await world.put('shop', 'checkout', archived());
    await until(world, 'missed', async () => {
      const conditions = (await world.status('shop', 'checkout'))?.conditions ?? [];
      return conditions.some(({ type, reason }) => type === 'SourceResolved' && reason === 'NotFound');
    });
    const { VersionId } = world.cloud.call('s3', 'PutObject', {
      Bucket,
      Key: 'shop.zip',
      Body: functionCode('one'),
    }) as { VersionId: string };
    await world.put('shop', 'checkout', archived(VersionId));
    await until(world, 'the object is Ready', () => world.isReady('shop', 'checkout'));
    await removed(world);
  },

  'goes to the function and comes back': async (world) => {
    await served(world, { ...ON_FARGATE, placement: { mode: 'lambda' } });
    await world.aws.lambda.updateFunctionCode({ FunctionName: 'hello', ZipFile: functionCode('two') });
    await world.put('shop', 'checkout', ON_FARGATE);
    await until(world, 'served by tasks', async () => {
      const [group] = world.traffic().filter(({ weight }) => weight > 0);
      return (
        world.traffic().length === 1 && group?.group.includes('-fn') === false && world.isReady('shop', 'checkout')
      );
    });
    await removed(world);
  },

  'starts its tasks with a secret': async (world) => {
    putClassPolicies(world.cloud);
    const { ARN } = world.cloud.call('secretsmanager', 'CreateSecret', {
      Name: 'lambdacontainer/tasks/db',
      SecretString: 'word',
    }) as { ARN: string };
    await served(world, { ...ON_FARGATE, secrets: { DB_PASSWORD: { secretsManager: ARN } } });
  },

  'is let go': async (world) => {
    await served(world, { ...ON_FARGATE, deletionPolicy: 'retain' });
    await removed(world);
  },

  'cannot start its tasks': async (world) => {
    await served(world, ON_FARGATE);
    const { revision } = (await world.status('shop', 'checkout')) ?? {};
    const before = revision?.image ?? '';
    await world.aws.lambda.updateFunctionCode({ FunctionName: 'hello', ZipFile: functionCode('broken') });
    await until(world, 'built', async () => (await images(world)).length === 2);
    for (const image of await images(world)) if (!before.includes(image)) world.brokenImages.add(image);
    await until(world, 'says why', async () => {
      const { conditions = [] } = (await world.status('shop', 'checkout')) ?? {};
      return conditions.some(({ reason }) => reason === 'DeploymentFailed');
    });
  },

  'ends while it is built': async (world) => {
    world.start();
    await world.put('shop', 'checkout', ON_FARGATE);
    await until(world, 'building', async () => world.builds === 1);
    await removed(world);
  },

  'hears of what happens to its service': async (world) => {
    world.eventsQueue = await createEventRules(world.aws, world);
    world.resyncMs = 24 * 3_600_000;
    await served(world, ON_FARGATE);
    await world.run(60_000);
    const { serviceArns = [] } = await world.aws.ecs.listServices({ cluster: CLUSTER });
    const { taskArns = [] } = await world.aws.ecs.listTasks({ cluster: CLUSTER, serviceName: serviceArns[0] });
    await world.aws.ecs.stopTask({ cluster: CLUSTER, task: taskArns[0] });
    await world.run(60_000);
    await until(world, 'replaced', () => world.isReady('shop', 'checkout'));
  },

  'asks a private registry': async (world) => {
    const credentials = ecrCredentials(() => world.controllerPorts.ecr, world.clock);
    await world.drive(credentials('000000000000.dkr.ecr.us-east-1.amazonaws.com'));
  },

  'reads the secret of a source and writes under its role': async (world) => {
    const RoleName = 'team-a';
    world.cloud.call('iam', 'CreateRole', {
      RoleName,
      Path: '/lambdacontainer/sources/',
      AssumeRolePolicyDocument: JSON.stringify({
        Version: '2012-10-17',
        Statement: {
          Effect: 'Allow',
          // The whole account, so that the controller's own policy has to allow it, too.
          Principal: { AWS: world.accountId },
          Action: 'sts:AssumeRole',
          Condition: { StringEquals: { 'sts:ExternalId': 'team-a-1' } },
        },
      }),
    });
    world.cloud.call('secretsmanager', 'CreateSecret', {
      Name: 'lambdacontainer/sources/team-a',
      SecretString: JSON.stringify({ token: 'word' }),
      ClientRequestToken: '0'.repeat(32),
    });
    // What it compares a commit with.
    await world.drive(
      readAll(new DesiredTable(world.controllerPorts.dynamodb, 'lambdacontainer-desired').list('shop')),
    );
    const secrets = new SecretReader(world.controllerPorts.secretsmanager, world.clock);
    const { signal } = new AbortController();
    await world.drive(secrets.read('lambdacontainer/sources/team-a', signal));
    const role = { arn: `arn:aws:iam::${world.accountId}:role/lambdacontainer/sources/${RoleName}` };
    await world.drive(
      assumedRole(world.controllerPorts.sts, { ...role, externalId: 'team-a-1', session: 'lambdacontainer' })(),
    );
  },
};

/** Actions that no scenario uses, each with why it stands in the policy all the same. */
export const UNUSED: Readonly<Record<string, string>> = {
  'ecr:BatchGetImage': "a manifest asked of ECR's registry, which the local cloud serves without IAM",
  'ecr:GetDownloadUrlForLayer': "a blob asked of ECR's registry, which the local cloud serves without IAM",
  'ecr:UntagResource': 'letting go of a repository; objects share theirs, and what is shared stays the controller’s',
};

async function served(world: World, spec: object): Promise<void> {
  world.start();
  await world.put('shop', 'checkout', spec);
  await until(world, 'the object is Ready', () => world.isReady('shop', 'checkout'));
}

async function removed(world: World): Promise<void> {
  await world.remove('shop', 'checkout');
  await until(world, 'everything is gone', async () => (await world.status('shop', 'checkout')) === undefined);
}

/** As the world's own, but a denial ends it. */
async function until(world: World, what: string, holds: () => Promise<boolean>): Promise<void> {
  await world.until(what, async () => world.denials.length > 0 || (await holds()));
  const [denied] = world.denials;
  if (denied) throw new DeniedAt(denied);
}

async function settled(world: World, generation: number): Promise<boolean> {
  const status = await world.status('shop', 'checkout');
  return status?.observedGeneration === generation && (await world.isReady('shop', 'checkout'));
}

async function changeClass(
  world: World,
  change: (spec: Record<string, unknown>) => Record<string, unknown>,
): Promise<void> {
  const record = await world.desired.get({ namespace: '_system', name: 'class/standard' });
  const { item } = record ?? { item: {} };
  await world.putRecord({ ...item, spec: change((item as { spec: Record<string, unknown> }).spec) });
}

async function retentions(world: World): Promise<(number | undefined)[]> {
  const { logGroups = [] } = await world.aws.logs.describeLogGroups({ logGroupNamePrefix: '/lambdacontainer/' });
  return logGroups.map(({ retentionInDays }) => retentionInDays);
}

async function readAll(items: AsyncIterable<unknown>): Promise<void> {
  for await (const _item of items);
}

async function images(world: World): Promise<string[]> {
  const { imageDetails = [] } = await world.aws.ecr.describeImages({ repositoryName: `${CLUSTER}/shop` });
  return imageDetails.map(({ imageDigest = '' }) => imageDigest);
}

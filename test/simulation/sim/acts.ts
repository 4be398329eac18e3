/**
 * What each act does. People, tools and the platform have a hand of their own in the cloud, without latency and faults;
 * what is refused to them, because what they would change is not there, is part of the game.
 */
import type { ImageDetail } from '@aws-sdk/client-ecr';
import type { Rule } from '@aws-sdk/client-elastic-load-balancing-v2';
import type { Ports } from '../../../src/aws/index.ts';
import { TAG_OWNER, TAG_UID } from '../../../src/aws/index.ts';
import { functionCode, type World } from '../world.ts';
import type { Network } from './network.ts';
import type { SimProcess } from './process.ts';
import type { Wish } from './safety.ts';
import type { Act, ActName } from './scenario.ts';

export const NAMESPACE = 'shop';
export const CLUSTER = 'lambdacontainer';
/** Its policy holds 20 KB of statements, one for each object that it serves. */
const OBJECTS_PER_FUNCTION = 25;
const REPOSITORY = 'lambdacontainer/shop';
/** BatchDeleteImage takes no more. */
const IMAGES_PER_CALL = 100;
const KEY = { namespace: '_system', name: 'class/standard' };

/** What an act may reach. */
export interface Stage {
  readonly world: World;
  readonly network: Network;
  readonly daemons: readonly SimProcess[];
  readonly names: readonly string[];
  /** Names of the functions that objects are made of. */
  readonly functions: readonly string[];
  /** What people want now, by name. */
  readonly wishes: Map<string, Wished>;
  /** Tags that people took away, to be given back. */
  readonly untagged: (() => Promise<unknown>)[];
  /** Tells the judges. */
  wished(name: string, wish: Wished | undefined): void;
  /** Ends when the storm does. */
  isStorm(): boolean;
  /** Does something later, as long as the storm lasts; `act` when it ends at the latest if `isDue`. */
  later(delayMs: number, act: () => void): void;
  secret: string;
}

export interface Wished {
  readonly mode: Wish['mode'];
  readonly source: string;
  readonly record: Record<string, unknown>;
}

type Doing = (stage: Stage, act: Act) => unknown;

function choose<T>(from: readonly T[], pick: number): T | undefined {
  return from[Math.floor(pick * from.length)];
}

function modeOf(value: number): Wish['mode'] {
  return value < 0.34 ? 'fargate' : value < 0.6 ? 'lambda' : 'split';
}

/** Two at least, so that an object can go from one to the other. */
export function functionsFor(objects: number): string[] {
  const more = Math.max(1, Math.ceil(objects / OBJECTS_PER_FUNCTION) - 1);
  return ['hello', ...Array.from({ length: more }, (_, index) => (index === 0 ? 'other' : `other-${index}`))];
}

/** A spec that is a function of two numbers. */
function wishOf({ functions, secret }: Stage, name: string, pick: number, value: number): Wished {
  const mode = modeOf(value);
  const digit = Math.floor(value * 1000) % 10;
  const placement = mode === 'split' ? { mode, split: { lambda: 10 + 5 * digit, fargate: 90 - 5 * digit } } : { mode };
  const source = choose(functions, (pick * 7) % 1) ?? '';
  const spec = {
    source: { functionRef: { name: source } },
    placement,
    scaling: { min: 1 + (digit % 2), max: 3 + (digit % 3) },
    ...(digit < 3 ? { traffic: { paths: [`/${name}-${digit}`] } } : {}),
    ...(digit === 4 ? { compute: { cpu: 512, memory: 1024 } } : {}),
    ...(digit === 5 ? { environment: { GREETING: `hello ${digit}` } } : {}),
    ...(digit === 6 ? { environment: { API_TOKEN: secret }, acknowledgePlaintextEnvironment: true } : {}),
    ...(digit === 7 ? { drift: { fields: { 'logGroup.retentionDays': 'ignore' } } } : {}),
  };
  return { mode, source, record: { namespace: NAMESPACE, name, spec } };
}

export async function wish(stage: Stage, name: string, pick: number, value: number): Promise<void> {
  const wished = wishOf(stage, name, pick, value);
  stage.wishes.set(name, wished);
  stage.wished(name, wished);
  await stage.world.putRecord(wished.record);
}

async function remove(stage: Stage, name: string) {
  stage.wishes.delete(name);
  stage.wished(name, undefined);
  await stage.world.remove(NAMESPACE, name);
}

async function annotate(stage: Stage, name: string, annotations: Record<string, string>) {
  const known = stage.wishes.get(name);
  if (!known) return;
  const merged = { ...(known.record.annotations as Record<string, string> | undefined), ...annotations };
  const record = { ...known.record, annotations: merged };
  stage.wishes.set(name, { ...known, record });
  await stage.world.putRecord(record);
}

interface OurRule {
  readonly arn: string;
  readonly priority: string;
  readonly groups: readonly string[];
}

/** Everything that a listing tells of, page by page. */
async function pages<T>(ask: (token?: string) => Promise<{ found?: T[] | undefined; next?: string | undefined }>) {
  const all: T[] = [];
  let token: string | undefined;
  do {
    const { found = [], next } = await ask(token);
    all.push(...found);
    token = next;
  } while (token !== undefined);
  return all;
}

/** The controller's rules: a sentinel of somebody else stands among them. */
async function rulesOf({ world }: Stage): Promise<OurRule[]> {
  const all: Rule[] = [];
  for (const { arn } of world.cloud.services.elbv2.listeners()) {
    const rules = await pages(async (Marker) => {
      const { Rules, NextMarker } = await world.aws.elbv2.describeRules({ ListenerArn: arn, Marker });
      return { found: Rules, next: NextMarker };
    });
    all.push(...rules);
  }
  return all
    .filter(({ IsDefault, Priority }) => !IsDefault && Priority !== FOREIGN_PRIORITY)
    .map((rule) => ({
      arn: rule.RuleArn ?? '',
      priority: rule.Priority ?? '',
      groups: (rule.Actions?.[0]?.ForwardConfig?.TargetGroups ?? []).map(({ TargetGroupArn }) => TargetGroupArn ?? ''),
    }));
}

/** Where a person's own rule stands, in the midst of the class's range. */
export const FOREIGN_PRIORITY = '101';
export const FOREIGN = 'by-hand';

async function servicesOf({ aws }: World): Promise<string[]> {
  const serviceArns = await pages(async (nextToken) => {
    const page = await aws.ecs.listServices({ cluster: CLUSTER, nextToken });
    return { found: page.serviceArns, next: page.nextToken };
  });
  return serviceArns.filter((arn) => !arn.endsWith(`/${FOREIGN}`));
}

async function groupsOf({ aws }: World, type?: string): Promise<string[]> {
  const groups = await pages(async (Marker) => {
    const { TargetGroups, NextMarker } = await aws.elbv2.describeTargetGroups({ Marker });
    return { found: TargetGroups, next: NextMarker };
  });
  return groups
    .filter(
      ({ TargetGroupName, TargetType }) => TargetGroupName !== FOREIGN && (type === undefined || TargetType === type),
    )
    .map(({ TargetGroupArn }) => TargetGroupArn ?? '');
}

async function definitionsOf({ aws }: World): Promise<string[]> {
  const arns = await pages(async (nextToken) => {
    const page = await aws.ecs.listTaskDefinitions({ status: 'ACTIVE', nextToken });
    return { found: page.taskDefinitionArns, next: page.nextToken };
  });
  return arns.filter((arn) => !arn.includes(`/${FOREIGN}:`));
}

async function logGroupsOf({ aws }: World): Promise<string[]> {
  const groups = await pages(async (nextToken) => {
    const page = await aws.logs.describeLogGroups({ logGroupNamePrefix: '/lambdacontainer/', nextToken });
    return { found: page.logGroups, next: page.nextToken };
  });
  return groups.map(({ logGroupName }) => logGroupName ?? '');
}

function tasksOf({ aws }: World): Promise<string[]> {
  return pages(async (nextToken) => {
    const page = await aws.ecs.listTasks({ cluster: CLUSTER, nextToken });
    return { found: page.taskArns, next: page.nextToken };
  });
}

function imagesOf({ aws }: World): Promise<ImageDetail[]> {
  return pages(async (nextToken) => {
    const page = await aws.ecr.describeImages({ repositoryName: REPOSITORY, nextToken });
    return { found: page.imageDetails, next: page.nextToken };
  });
}

/** Something that lasts: `set` now, `unset` after up to `atMostMs`. */
function during(stage: Stage, { value }: Act, atMostMs: number, set: () => void, unset: () => void): void {
  set();
  stage.later(1_000 + value * atMostMs, unset);
}

/** The leader more often than the others. */
function victim({ daemons }: Stage, pick: number): SimProcess | undefined {
  const alive = daemons.filter(({ isAlive, isPaused }) => isAlive && !isPaused);
  const leader = alive.find(({ controller }) => controller?.state === 'leading');
  return pick < 0.6 && leader ? leader : choose(alive, (pick * 3) % 1);
}

const scalable = { ServiceNamespace: 'ecs', ScalableDimension: 'ecs:service:DesiredCount' } as const;

async function onTarget(aws: Ports, pick: number, act: (resource: string) => Promise<unknown>) {
  const targets = await pages(async (NextToken) => {
    const page = await aws.autoscaling.describeScalableTargets({ ServiceNamespace: 'ecs', NextToken });
    return { found: page.ScalableTargets, next: page.NextToken };
  });
  const target = choose(targets, pick);
  if (target?.ResourceId) await act(target.ResourceId);
}

export const ACTS: Readonly<Record<ActName, Doing>> = {
  wish: (stage, { pick, value }) => wish(stage, choose(stage.names, pick) ?? '', pick, value),
  move: (stage, { pick, value }) => {
    const name = choose(stage.names, pick) ?? '';
    const to = stage.wishes.get(name)?.mode === 'lambda' ? 0.1 : 0.4;
    // The last digits choose what else is asked for.
    return wish(stage, name, pick, to + Math.floor(value * 10) / 1000);
  },
  remove: (stage, { pick }) => remove(stage, choose(stage.names, pick) ?? ''),
  async recreate(stage, { pick, value }) {
    const name = choose(stage.names, pick) ?? '';
    await remove(stage, name);
    stage.later(value * 20_000, () => void wish(stage, name, pick, value));
  },
  protect: (stage, { pick, value }) =>
    annotate(stage, choose(stage.names, pick) ?? '', {
      'lambdacontainer.dev/protected': value < 0.7 ? 'true' : 'false',
    }),
  confirm: ({ world }) => world.confirmHeld(),
  async wipe(stage) {
    for (const name of stage.names) await remove(stage, name);
  },
  restart: (stage, { pick, value }) =>
    annotate(stage, choose(stage.names, pick) ?? '', { 'lambdacontainer.dev/restarted-at': `t${value}` }),
  misspell: async (stage, { pick }) => {
    const name = choose([...stage.wishes.keys()], pick);
    const known = name === undefined ? undefined : stage.wishes.get(name);
    // Remembered as it was: in the calm it is written so again.
    if (known)
      await stage.world.putRecord({ ...known.record, spec: { sauce: 'hello', placement: { mode: 'fargte' } } });
  },
  updateCode: ({ world, functions }, { pick, value }) =>
    world.aws.lambda.updateFunctionCode({
      FunctionName: choose(functions, pick),
      ZipFile: functionCode(`version ${Math.floor(value * 4)}`),
    }),
  configureFunction: ({ world, functions, secret }, { pick, value }) => {
    world.cloud.call('lambda', 'UpdateFunctionConfiguration', {
      FunctionName: choose(functions, pick),
      Environment: { Variables: { DB_PASSWORD: secret, LEVEL: String(Math.floor(value * 3)) } },
    });
  },
  /** Somebody turns a function off, and on again. */
  reserve: (stage, act) => {
    const { cloud } = stage.world;
    const FunctionName = choose(stage.functions, act.pick);
    during(
      stage,
      act,
      120_000,
      () => cloud.call('lambda', 'PutFunctionConcurrency', { FunctionName, ReservedConcurrentExecutions: 0 }),
      () => cloud.call('lambda', 'DeleteFunctionConcurrency', { FunctionName }),
    );
  },
  editClass: ({ world }, { value }) =>
    editClass(world, (spec) => ({
      ...spec,
      health: { ...(spec.health as object), deregistrationDelaySec: value < 0.5 ? 5 : 10 },
    })),
  touchClass: ({ world }, { value }) => editClass(world, (spec) => spec, { touched: String(value) }),

  async weights(stage, { pick, value }) {
    const rule = choose(await rulesOf(stage), pick);
    if (!rule) return;
    const TargetGroups = rule.groups.map((TargetGroupArn, index) => ({
      TargetGroupArn,
      Weight: Math.floor(value * 27) % 3 ** (index + 1) >= 3 ** index ? 50 * (1 + (index % 2)) : 0,
    }));
    if (TargetGroups.length === 0) return;
    await stage.world.aws.elbv2.modifyRule({
      RuleArn: rule.arn,
      Actions: [{ Type: 'forward', ForwardConfig: { TargetGroups } }],
    });
  },
  async rulePattern(stage, { pick, value }) {
    const rule = choose(await rulesOf(stage), pick);
    const Conditions = [{ Field: 'path-pattern', PathPatternConfig: { Values: [`/edited-${Math.floor(value * 9)}`] } }];
    if (rule) await stage.world.aws.elbv2.modifyRule({ RuleArn: rule.arn, Conditions });
  },
  async deleteRule(stage, { pick }) {
    const rule = choose(await rulesOf(stage), pick);
    if (rule) await stage.world.aws.elbv2.deleteRule({ RuleArn: rule.arn });
  },
  async deleteRuleAndGroups(stage, { pick }) {
    const rule = choose(await rulesOf(stage), pick);
    if (!rule) return;
    await stage.world.aws.elbv2.deleteRule({ RuleArn: rule.arn });
    for (const TargetGroupArn of rule.groups) await stage.world.aws.elbv2.deleteTargetGroup({ TargetGroupArn });
  },
  async deleteService({ world }, { pick }) {
    const service = choose(await servicesOf(world), pick);
    if (service) await world.aws.ecs.deleteService({ cluster: CLUSTER, service, force: true });
  },
  async scaleService({ world }, { pick, value }) {
    const service = choose(await servicesOf(world), pick);
    const desiredCount = Math.floor(value * 6);
    if (service) await world.aws.ecs.updateService({ cluster: CLUSTER, service, desiredCount });
  },
  async oldTaskDefinition({ world }, { pick, value }) {
    const service = choose(await servicesOf(world), pick);
    const family = /service\/[^/]+\/(.+)$/.exec(service ?? '')?.[1];
    const known = (await definitionsOf(world)).filter((arn) => arn.includes(`/${family?.replace(/-\d+$/, '')}:`));
    const taskDefinition = choose(known, value);
    if (service && taskDefinition) await world.aws.ecs.updateService({ cluster: CLUSTER, service, taskDefinition });
  },
  async stopTask({ world }, { pick }) {
    const task = choose(await tasksOf(world), pick);
    if (task) await world.aws.ecs.stopTask({ cluster: CLUSTER, task });
  },
  async deregisterTaskDefinition({ world }, { pick }) {
    const taskDefinition = choose(await definitionsOf(world), pick);
    if (taskDefinition) await world.aws.ecs.deregisterTaskDefinition({ taskDefinition });
  },
  async deleteImages({ world }, { pick }) {
    const images = await imagesOf(world);
    const some = pick < 0.5 ? images.slice(0, IMAGES_PER_CALL) : images.slice(-1);
    const imageIds = some.map(({ imageDigest }) => ({ imageDigest }));
    if (imageIds.length > 0) await world.aws.ecr.batchDeleteImage({ repositoryName: REPOSITORY, imageIds });
  },
  deleteProject: ({ world }) => world.aws.codebuild.deleteProject({ name: 'lambdacontainer-standard' }),
  editProject: ({ world }, { value }) =>
    world.aws.codebuild.updateProject({
      name: 'lambdacontainer-standard',
      timeoutInMinutes: 10 + Math.floor(value * 50),
    }),
  async deleteLogGroup({ world }, { pick }) {
    const logGroupName = choose(await logGroupsOf(world), pick);
    if (logGroupName) await world.aws.logs.deleteLogGroup({ logGroupName });
  },
  async retention({ world }, { pick, value }) {
    const logGroupName = choose(await logGroupsOf(world), pick);
    const retentionInDays = choose([1, 7, 90], value) ?? 7;
    if (logGroupName) await world.aws.logs.putRetentionPolicy({ logGroupName, retentionInDays });
  },
  async healthCheck({ world }, { pick, value }) {
    const TargetGroupArn = choose(await groupsOf(world, 'ip'), pick);
    const HealthCheckPath = `/health-${Math.floor(value * 5)}`;
    if (TargetGroupArn) await world.aws.elbv2.modifyTargetGroup({ TargetGroupArn, HealthCheckPath });
  },
  async attribute({ world }, { pick, value }) {
    const TargetGroupArn = choose(await groupsOf(world, 'ip'), pick);
    const Attributes = [{ Key: 'deregistration_delay.timeout_seconds', Value: String(20 + Math.floor(value * 99)) }];
    if (TargetGroupArn) await world.aws.elbv2.modifyTargetGroupAttributes({ TargetGroupArn, Attributes });
  },
  /** Somebody takes our mark off a target group: from then on it is not ours, until he puts it back. */
  async untag(stage, { pick }) {
    const arn = choose(await groupsOf(stage.world), pick);
    if (arn === undefined) return;
    const { cloud } = stage.world;
    const { TagDescriptions } = cloud.call('elbv2', 'DescribeTags', { ResourceArns: [arn] }) as {
      TagDescriptions: { Tags: { Key: string; Value: string }[] }[];
    };
    const tag = TagDescriptions[0]?.Tags.find(({ Key }) => Key === TAG_OWNER);
    if (!tag) return;
    cloud.call('elbv2', 'RemoveTags', { ResourceArns: [arn], TagKeys: [TAG_OWNER] });
    const uid = TagDescriptions[0]?.Tags.find(({ Key }) => Key === TAG_UID)?.Value;
    stage.untagged.push(async () => {
      const objects = [...(await stage.world.inventories()).values()];
      const name = arn.split('/')[1] ?? '';
      const isKnown = objects.some(
        (object) => object.uid === uid && object.entries.some(({ identity }) => identity.targetGroupName === name),
      );
      // Whose it was may have gone, or have left it behind: then it is the person's to remove.
      if (isKnown) cloud.call('elbv2', 'AddTags', { ResourceArns: [arn], Tags: [tag] });
      else cloud.call('elbv2', 'DeleteTargetGroup', { TargetGroupArn: arn });
    });
  },
  async permission({ world, functions }, { pick, value }) {
    const FunctionName = choose(functions, pick);
    const { Policy = '{"Statement":[]}' } = await world.aws.lambda.getPolicy({ FunctionName });
    const statements = (JSON.parse(Policy) as { Statement: { Sid: string }[] }).Statement;
    const ours = choose(
      statements.filter(({ Sid }) => Sid !== FOREIGN),
      value,
    );
    if (ours) await world.aws.lambda.removePermission({ FunctionName, StatementId: ours.Sid });
  },
  async deregisterFunction({ world }, { pick }) {
    const TargetGroupArn = choose(await groupsOf(world, 'lambda'), pick);
    if (TargetGroupArn === undefined) return;
    const { TargetHealthDescriptions = [] } = await world.aws.elbv2.describeTargetHealth({ TargetGroupArn });
    const Targets = TargetHealthDescriptions.flatMap(({ Target }) => (Target ? [Target] : []));
    if (Targets.length > 0) await world.aws.elbv2.deregisterTargets({ TargetGroupArn, Targets });
  },
  deleteScaling: ({ world }, { pick }) =>
    onTarget(world.aws, pick, (ResourceId) =>
      world.aws.autoscaling.deregisterScalableTarget({ ...scalable, ResourceId }),
    ),
  editScaling: ({ world }, { pick, value }) =>
    onTarget(world.aws, pick, (ResourceId) =>
      world.aws.autoscaling.registerScalableTarget({
        ...scalable,
        ResourceId,
        MaxCapacity: 10 + Math.floor(value * 9),
      }),
    ),
  /** A tool that sets a field back whenever it is put right, for a while. */
  async fight(stage, { pick, value }) {
    const logGroupName = choose(await logGroupsOf(stage.world), pick);
    if (logGroupName === undefined) return;
    const { aws } = stage.world;
    let left = Math.floor(value * 40);
    const insist = () => {
      if (left-- <= 0 || !stage.isStorm()) return;
      // Gone meanwhile: nothing to fight over.
      aws.logs.putRetentionPolicy({ logGroupName, retentionInDays: 7 }).catch(() => undefined);
      stage.later(5_000, insist);
    };
    insist();
  },

  crash: ({ world }, { pick }) => world.crash(pick),
  async sick(stage, act) {
    const tasks = await tasksOf(stage.world);
    const sick = new Set(tasks.filter((_arn, index) => (act.pick * 1000 + index) % 3 < 1.5));
    let flaps = 0;
    const set = () => {
      stage.world.isSick = (taskArn) => sick.has(taskArn) && (act.value > 0.5 || flaps++ % 4 < 2);
    };
    during(stage, act, 60_000, set, () => {
      stage.world.isSick = () => false;
    });
  },
  async breakCode(stage, act) {
    const broken = choose(await imagesOf(stage.world), act.pick)?.imageDigest;
    if (broken === undefined) return;
    during(
      stage,
      act,
      240_000,
      () => stage.world.brokenImages.add(broken),
      () => stage.world.brokenImages.delete(broken),
    );
  },
  slowBuilds: (stage, act) => {
    during(
      stage,
      act,
      120_000,
      () => {
        stage.world.buildMs = 90_000;
      },
      () => {
        stage.world.buildMs = 8_000;
      },
    );
  },
  failBuilds: (stage, act) => {
    during(
      stage,
      act,
      90_000,
      () => {
        stage.world.failsBuild = true;
      },
      () => {
        stage.world.failsBuild = false;
      },
    );
  },
  quota: (stage, act) => {
    during(
      stage,
      act,
      90_000,
      () => {
        stage.network.isFull = true;
      },
      () => {
        stage.network.isFull = false;
      },
    );
  },
  credentials: (stage, act) => {
    during(
      stage,
      act,
      40_000,
      () => {
        stage.network.isExpired = true;
      },
      () => {
        stage.network.isExpired = false;
      },
    );
  },
  outage: (stage, act) => {
    const services = [
      'elbv2',
      'ecs',
      'ecr',
      'lambda',
      'codebuild',
      'logs',
      'autoscaling',
      'dynamodb',
      'iam',
      'tagging',
      'sqs',
    ];
    const service = choose(services, act.pick) ?? 'elbv2';
    during(
      stage,
      act,
      60_000,
      () => stage.network.outages.add(service),
      () => stage.network.outages.delete(service),
    );
  },
  throttle: (stage, act) => {
    const service = choose(['elbv2', 'ecs', 'ecr', 'lambda', 'logs'], act.pick) ?? 'elbv2';
    const bucket = { perSec: 0.3 + act.value, left: 1, atMs: stage.world.clock.now() };
    during(
      stage,
      act,
      90_000,
      () => stage.network.cut.set(service, bucket),
      () => stage.network.cut.delete(service),
    );
  },
  blindStream: (stage, act) => {
    during(
      stage,
      act,
      120_000,
      () => {
        stage.network.isStreamBlind = true;
      },
      () => {
        stage.network.isStreamBlind = false;
      },
    );
  },
  truncateStream: (stage) => {
    stage.network.trims = 2;
  },

  kill: (stage, { pick, value }) => {
    const daemon = victim(stage, pick);
    // The platform starts it again; `start` also resumes it.
    daemon?.afterMoments(1 + Math.floor(value * 20), () => {
      daemon.kill();
      stage.later(500 + value * 8_000, () => {
        if (!daemon.isAlive) daemon.start();
      });
    });
  },
  pause: (stage, { pick, value }) => {
    const daemon = victim(stage, pick);
    const lastsMs = choose([200, 4_000, 12_000, 18_000, 22_000, 25_000, 30_000, 45_000], value) ?? 200;
    const isAfterChange = (pick * 100) % 1 < 0.6;
    const moments = Math.floor(((value * 7) % 1) * (isAfterChange ? 4 : 20));
    const pause = () => {
      daemon?.pause();
      stage.later(lastsMs, () => daemon?.resume());
    };
    daemon?.afterMoments(1 + moments, pause, isAfterChange ? 'change' : 'call');
  },
  /** Stopped in the very act of writing to a table, for longer than a lease. */
  pauseWriting: (stage, { pick, value }) => {
    const daemon = victim(stage, pick);
    const pause = () => {
      daemon?.pause();
      stage.later(22_000 + value * 20_000, () => daemon?.resume());
    };
    daemon?.afterMoments(1 + Math.floor(((value * 7) % 1) * 6), pause, 'write');
  },
  cutOff: (stage, act) => {
    const daemon = victim(stage, act.pick);
    if (!daemon) return;
    during(
      stage,
      act,
      45_000,
      () => {
        daemon.isCutOff = true;
      },
      () => {
        daemon.isCutOff = false;
      },
    );
  },
  stop: (stage, { pick }) => victim(stage, pick)?.stop(),
};

/** A person changes the class of all objects; `labels` when nothing of its spec is to change. */
export async function editClass(world: World, change: (spec: Record<string, unknown>) => object, labels?: object) {
  const klass = await world.desired.get(KEY);
  if (!klass) return;
  const spec = change(klass.item.spec as Record<string, unknown>);
  await world.putRecord({ ...klass.item, ...KEY, spec, ...(labels ? { labels } : {}) });
}

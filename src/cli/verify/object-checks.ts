/**
 * What one object stands on, as its plan found it: the plan already reads the function, the roles and the base image
 * through the controller's own code, so their verdicts are taken from there and nothing is read or named twice.
 */
import type { Rule } from '@aws-sdk/client-elastic-load-balancing-v2';
import type { LambdaContainerClassSpec, LambdaContainerSpec } from '../../api/index.ts';
import { conditionsOfTraffic } from '../../compose/index.ts';
import { formatDuration } from '../../core/index.ts';
import { KINDS, type LambdaFunctionObserved } from '../../kinds/index.ts';
import { imageThreats, type NodeView, type Threat, type Verdict, type World } from '../../plan/index.ts';
import type { Allocation } from '../../resource/index.ts';
import { display } from '../commands/references.ts';
import type { PlannedObject } from '../plan/planning.ts';
import type { Account } from './account.ts';
import { role } from './class-checks.ts';
import { check, type Finding, type Said } from './findings.ts';

export interface ObjectUse {
  readonly planned: PlannedObject;
  /** Undefined when the spec or its class is not valid. */
  readonly judged: { readonly spec: LambdaContainerSpec; readonly klass: LambdaContainerClassSpec } | undefined;
}

const ECS_TASKS = 'ecs-tasks.amazonaws.com';
/** External nodes, what they are called here, and the field that names them. */
const STANDS_ON: Readonly<Record<string, { readonly check: string; readonly field: string }>> = {
  'lambda-function': { check: 'Function', field: 'spec.source.functionRef' },
  'iam-role': { check: 'Role', field: 'spec.roles.task' },
  'base-image': { check: 'Image', field: 'spec.build.baseImage' },
};

/** The same kinds where they are the source itself. */
const SOURCES: typeof STANDS_ON = {
  'base-image': { check: 'Image', field: 'spec.source.image' },
  's3-object': { check: 'Archive', field: 'spec.source.archive' },
  'git-commit': { check: 'Repository', field: 'spec.source.repository' },
};

export async function objectChecks({ planned, judged }: ObjectUse, account: Account): Promise<Finding[]> {
  const { object, obstacle, facts, allocation } = planned;
  const subject = display({ kind: object?.kind ?? 'LambdaContainer', name: planned.key.name });
  if (obstacle) return obstructed(subject, planned);
  const world = facts.planned?.world;
  if (!world || !judged) return [];
  const { spec, klass } = judged;
  const verdicts = facts.planned?.plan.verdicts ?? new Map<string, Verdict>();
  const findings = await Promise.all([
    check(subject, 'Spec', async () => ({ level: 'ok', message: 'valid, within the class' })),
    ...world.nodes.flatMap((view) => nodeChecks(subject, view, verdicts.get(view.node.id))),
    ...imageThreats(world).map((threat) => check(subject, 'Image', async () => threatened(threat))),
    ...(reservedConcurrency(world, spec) ?? []).map((said) => check(subject, 'Function', async () => said)),
    ...(spec.roles.execution === undefined || spec.roles.execution === klass.roles.execution
      ? []
      : [check(subject, 'Role', () => role('spec.roles.execution', spec.roles.execution ?? '', ECS_TASKS, account))]),
    ...Object.entries(spec.secrets).flatMap(([name, { secretsManager, versionStage = 'AWSCURRENT' }]) => {
      if (secretsManager === undefined) return [];
      const watched = world.nodes.find(({ node, resolved }) => {
        const { secretArn, stage } = resolved?.identity ?? {};
        return node.kind === 'secret' && secretArn === secretsManager && stage === versionStage;
      });
      const verdict = watched && verdicts.get(watched.node.id);
      const field = `spec.secrets.${name}.secretsManager`;
      return [check(subject, 'Secret', () => secret(field, secretsManager, verdict, account))];
    }),
    ...(spec.compute.spot.weight > 0 ? [check(subject, 'Cluster', () => spot(klass.cluster, account))] : []),
    ...(allocation ? [check(subject, 'Traffic', () => traffic(planned, spec, allocation, account))] : []),
  ]);
  return findings.flat();
}

function obstructed(subject: string, { obstacle }: PlannedObject): Finding[] {
  if (!obstacle) return [];
  const { reason, message, defects } = obstacle;
  if (reason === 'Suspended') return [{ subject, check: 'Spec', level: 'ok', message }];
  if (defects.length === 0) {
    const cut = message.lastIndexOf('; ');
    const [what, remedy] = cut < 0 ? [message, 'see the message'] : [message.slice(0, cut), message.slice(cut + 2)];
    return [{ subject, check: reason, level: 'fail', message: what, remedy }];
  }
  return defects.map((defect) => ({
    subject,
    check: 'Spec',
    level: 'fail',
    field: defect.path,
    message: defect.message,
    remedy: 'correct the field',
  }));
}

function nodeChecks(subject: string, { node, resolved }: NodeView, verdict: Verdict | undefined): Promise<Finding[]>[] {
  const known = node.id === 'source' ? SOURCES[node.kind] : STANDS_ON[node.kind];
  const external = KINDS.get(node.kind)?.external === true;
  // Health is not a thing to stand on, and what waits says nothing by itself.
  if ((external && !known) || verdict === undefined || verdict.state === 'blocked') return [];
  if (!external && !(verdict.state === 'failed' && verdict.reason === 'NotOwned')) return [];
  const { check: name, field } = known ?? { check: 'Name', field: undefined };
  const value = Object.values(resolved?.identity ?? {})
    .filter((part) => part !== '')
    .join(' ');
  return [
    check(subject, name, async () => {
      if (verdict.state === 'unknown') throw verdict.failure;
      if (verdict.state === 'failed') {
        const [message = '', remedy] = verdict.message.split(
          /(?:\. (?=Add |Update )|; (?=create |it is left |correct ))/,
        );
        return { level: 'fail', field, value, message, remedy: remedy ?? 'see the message' };
      }
      if (verdict.state === 'pending') {
        return { level: 'warn', field, value, message: verdict.message, remedy: 'wait until it is done' };
      }
      return { level: 'ok', field, value, message: 'it is there and can be used' };
    }),
  ];
}

function threatened({ tag, rule, when }: Threat): Said {
  return {
    level: 'warn',
    field: 'spec.rollout.history',
    value: tag,
    message: `${rule} of the repository's lifecycle policy takes this image away ${when}; it runs, or a rollback needs it`,
    remedy: 'exclude our tags from the policy: images that nothing needs any more are removed by the controller',
  };
}

/** 0 switches a function off. https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html */
function reservedConcurrency(world: World, { placement }: LambdaContainerSpec): Said[] {
  const view = world.nodes.find(({ node }) => node.kind === 'lambda-function');
  if (view?.observation?.state !== 'present') return [];
  const { reservedConcurrency: reserved, lastUpdateStatus } = view.observation.observed as LambdaFunctionObserved;
  const field = 'spec.source.functionRef';
  const serves = placement.mode !== 'fargate';
  return [
    ...(reserved === 0
      ? [
          {
            level: serves ? ('fail' as const) : ('warn' as const),
            field,
            value: 'reserved concurrency 0',
            message: serves
              ? 'Lambda refuses every invocation, so that it gets no traffic'
              : 'Lambda refuses every invocation; callers by ARN are turned away',
            remedy: 'raise or remove the reserved concurrency of the function',
          },
        ]
      : []),
    ...(lastUpdateStatus === 'Failed'
      ? [
          {
            level: 'warn' as const,
            field,
            value: 'LastUpdateStatus Failed',
            message: 'its last update failed: Lambda still runs what was there before',
            remedy: 'update the function again',
          },
        ]
      : []),
  ];
}

/** Only where tasks have it and it is in reach does the plan know of it. */
async function secret(field: string, arn: string, verdict: Verdict | undefined, account: Account): Promise<Said> {
  if (verdict?.state === 'unknown') throw verdict.failure;
  if (verdict?.state === 'failed' && verdict.reason !== 'NotFound') {
    const [message = '', remedy = 'see the message'] = verdict.message.split(/\. (?=Restore |Put )/);
    return { level: 'fail', field, value: arn, message, remedy };
  }
  const isThere = verdict ? verdict.state === 'settled' : await account.hasSecret(arn);
  if (isThere) return { level: 'ok', field, value: arn, message: 'the secret is there' };
  const remedy = 'create it, or correct the ARN: tasks do not start without it';
  return { level: 'fail', field, value: arn, message: 'there is no such secret', remedy };
}

async function spot(clusterName: string, account: Account): Promise<Said> {
  const field = 'spec.compute.spot.weight';
  const providers = (await account.cluster(clusterName))?.capacityProviders ?? [];
  if (providers.includes('FARGATE_SPOT')) {
    return { level: 'ok', field, value: clusterName, message: 'the cluster has FARGATE_SPOT' };
  }
  return {
    level: 'fail',
    field,
    value: clusterName,
    message: 'the cluster is not associated with FARGATE_SPOT',
    remedy: 'add the capacity provider FARGATE_SPOT to the cluster, or set spec.compute.spot.weight to 0',
  };
}

async function traffic(
  { key, inventory }: PlannedObject,
  spec: LambdaContainerSpec,
  { listenerArn, priority }: Allocation,
  account: Account,
): Promise<Said[]> {
  const facts = await account.listener(listenerArn);
  // That it is not there is said of the class.
  if (!facts) return [];
  const said: Said[] = [];
  const { timeoutMs } = spec.compute;
  const idleMs = facts.idleTimeoutSec * 1000;
  if (spec.placement.mode !== 'lambda' && timeoutMs !== null) {
    const field = 'spec.compute.timeout';
    const value = formatDuration(timeoutMs);
    said.push(
      timeoutMs <= idleMs
        ? { level: 'ok', field, value, message: `within the load balancer's idle timeout of ${facts.idleTimeoutSec} s` }
        : {
            level: 'warn',
            field,
            value,
            message: `the load balancer ends a silent request after ${facts.idleTimeoutSec} s`,
            remedy: `raise idle_timeout.timeout_seconds of the load balancer (4,000 at most), or lower ${field}`,
          },
    );
  }
  const mine = inventory?.allocation?.priority;
  const { hosts, paths } = conditionsOfTraffic(key, spec);
  for (const rule of facts.rules) {
    const number = Number(rule.Priority);
    if (rule.IsDefault || number === mine || !sameTraffic(rule, hosts, paths)) continue;
    said.push({
      level: 'warn',
      field: 'spec.traffic',
      value: `priority ${rule.Priority}`,
      message:
        number < priority
          ? 'a rule that is tried before answers for the same host and path: nothing may come here'
          : 'a rule that is tried later answers for the same host and path: its requests will come here',
      remedy: 'remove that rule, or choose other hosts or paths',
    });
  }
  return said;
}

/** A host and a path of ours are among those of the rule, word for word. No condition means any. */
function sameTraffic(rule: Rule, hosts: readonly string[], paths: readonly string[]): boolean {
  const valuesOf = (field: string) => {
    const condition = rule.Conditions?.find(({ Field }) => Field === field);
    return condition?.HostHeaderConfig?.Values ?? condition?.PathPatternConfig?.Values ?? condition?.Values ?? [];
  };
  const meet = (ours: readonly string[], theirs: readonly string[]) =>
    (ours.length === 0 && theirs.length === 0) || ours.some((value) => theirs.includes(value));
  const lower = (values: readonly string[]) => values.map((value) => value.toLowerCase());
  return meet(lower(hosts), lower(valuesOf('host-header'))) && meet(paths, valuesOf('path-pattern'));
}

/**
 * A function as the one target of a Lambda target group, and whether it is proven to serve. It owns the registration;
 * the group, the permission and the function are other kinds. `RegisterTargets` answers `AccessDenied` until the
 * permission for this group has arrived; that is passed on as it is.
 */
import type { Call } from '../../aws/index.ts';
import {
  changeOf,
  type Identity,
  type Io,
  onCalls,
  READY,
  type Readiness,
  type ResourceKind,
  text,
  unlessAbsent,
  unlessGone,
} from '../../resource/index.ts';

/** Identity: `targetGroupArn`. */
export interface LambdaTargetProps {
  /** As a target: with its alias or version, if any. */
  readonly functionArn: string;
}

export interface LambdaTargetObserved {
  readonly functionArn: string;
  readonly state: string;
  readonly reason: string | null;
}

export const lambdaTarget: ResourceKind<LambdaTargetProps, LambdaTargetObserved> = {
  name: 'lambda-target',
  permissions: [
    {
      actions: ['elasticloadbalancing:DescribeTargetHealth'],
      resources: ['*'],
      because: 'reads which function stands in a target group; the action knows no narrower resource',
    },
    {
      actions: ['elasticloadbalancing:RegisterTargets', 'elasticloadbalancing:DeregisterTargets'],
      resources: ['arn:aws:elasticloadbalancing:*:*:targetgroup/*/*'],
      only: 'owned',
      because: 'registers the function in its own target group',
    },
  ],
  calls: {
    create: ['elbv2 RegisterTargets'],
    update: ['elbv2 DeregisterTargets', 'elbv2 RegisterTargets'],
    delete: ['elbv2 DeregisterTargets'],
    release: [],
  },

  async observe(io, { targetGroupArn }, call) {
    const answer = await unlessAbsent(io.aws.elbv2.describeTargetHealth({ TargetGroupArn: targetGroupArn }, call));
    const registered = (answer?.TargetHealthDescriptions ?? []).find(
      ({ TargetHealth }) => TargetHealth?.State !== 'draining',
    );
    if (!registered) return undefined;
    return {
      functionArn: registered.Target?.Id ?? '',
      state: registered.TargetHealth?.State ?? '',
      reason: registered.TargetHealth?.Reason ?? null,
    };
  },

  // A registration cannot carry tags.
  tags: () => undefined,

  readiness(observed): Readiness {
    if (isProven(observed)) return READY;
    // Usable: whether traffic may move is decided by who reads `proven`, not by waiting here.
    return {
      state: 'pending',
      reason: observed.state === 'unhealthy' ? 'TargetUnhealthy' : 'TargetNotProven',
      message: `${observed.functionArn} is ${observed.state}${observed.reason ? ` (${observed.reason})` : ''} in its target group`,
      acceptsUpdate: true,
      usable: true,
    };
  },

  outputs: (observed) => ({ functionArn: observed.functionArn, proven: isProven(observed) }),
  diff: (desired, observed) => changeOf('functionArn', desired.functionArn, observed.functionArn, 'TargetDrift'),

  create: register,

  async update(io, identity, desired, observed, changes, call) {
    if (changes.length === 0) return;
    // A Lambda group holds one target: the next is refused until the last has left.
    await deregister(io, identity, observed, call);
    await register(io, identity, desired, call);
  },

  delete: deregister,

  // It carries no mark of ours.
  release: async () => {},

  // Targets are listed one group at a time.
  rotating: { TargetDrift: ({ functionArn }) => functionArn, TargetProofDrift: isProven },

  events: [
    onCalls('elasticloadbalancing', ['RegisterTargets', 'DeregisterTargets'], ({ targetGroupArn }) => [
      text(targetGroupArn),
    ]),
  ],
};

/** Health checks of Lambda groups are off by default; its target then reports `unavailable` and serves. */
function isProven({ state, reason }: LambdaTargetObserved): boolean {
  return state === 'healthy' || (state === 'unavailable' && reason === 'Target.HealthCheckDisabled');
}

async function register(io: Io, { targetGroupArn }: Identity, desired: LambdaTargetProps, call: Call): Promise<void> {
  const Targets = [{ Id: desired.functionArn }];
  await io.aws.elbv2.registerTargets({ TargetGroupArn: targetGroupArn, Targets }, call);
}

function deregister(io: Io, { targetGroupArn }: Identity, observed: LambdaTargetObserved, call: Call): Promise<void> {
  const Targets = [{ Id: observed.functionArn }];
  return unlessGone(io.aws.elbv2.deregisterTargets({ TargetGroupArn: targetGroupArn, Targets }, call));
}

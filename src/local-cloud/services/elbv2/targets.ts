/**
 * Targets and their health: registration, health checks, draining. The state of a target is stored when it changes;
 * when the next probe is due and how many passed or failed in a row is not, so after a restart targets keep their state
 * and are probed at once. Probes leave through the driver, and for a function through its invocation.
 */
import type {
  DeregisterTargetsInput,
  DescribeTargetHealthInput,
  DescribeTargetHealthOutput,
  RegisterTargetsInput,
  TargetHealth,
  TargetHealthReasonEnum,
  TargetHealthStateEnum,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import {
  AwsError,
  type InvocationResult,
  type ProbeDriver,
  type RequestContext,
  type ServiceDeps,
} from '../../contract.ts';
import { Agenda } from './agenda.ts';
import { type Elbv2Records, invalid, QUOTAS, type TargetGroupRecord, type TargetRecord, targetKey } from './model.ts';
import { parseMatcher } from './target-groups.ts';

const PRINCIPAL = 'elasticloadbalancing.amazonaws.com';
const PRIVATE_RANGES = /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.)/;

/** What the load balancer asks of Lambda; LambdaService is one. */
export interface TargetFunctions {
  /** Whether the function's policy lets `principal` invoke it for `sourceArn`. */
  allowsInvoke(functionArn: string, principal: string, sourceArn: string): boolean;
  invokeForTarget(functionArn: string, payload: Uint8Array): Promise<InvocationResult>;
}

/** Health of one target as others see it; undefined when it is not registered. */
export type TargetState = TargetRecord['state'] | 'unused' | 'unavailable' | undefined;

interface Check {
  nextMs: number;
  /** Number of the probe under way; answers of an earlier one are void. */
  probe: number;
  underWay: boolean;
  passes: number;
  failures: number;
}

interface TargetAddress {
  readonly ip: string;
  readonly port: number;
}

/** Owns every target of the account: the operations on them, their checks in time, and what other machines ask. */
export class Targets {
  readonly #records: Elbv2Records;
  readonly #enter: ServiceDeps['enter'];
  readonly #probes: ProbeDriver;
  readonly #functions: TargetFunctions;
  readonly #changed: (targetGroupArn: string) => void;
  readonly #agenda = new Agenda();
  readonly #checks = new Map<string, Check>();
  readonly #inFlight = new Map<string, number>();
  #probeCount = 0;

  constructor(
    records: Elbv2Records,
    deps: { enter: ServiceDeps['enter']; probes: ProbeDriver; lambda: TargetFunctions },
    /** Told after each change of a target's state or registration. */
    changed: (targetGroupArn: string) => void,
  ) {
    this.#records = records;
    this.#enter = deps.enter;
    this.#probes = deps.probes;
    this.#functions = deps.lambda;
    this.#changed = changed;
    for (const group of records.targetGroups.values()) this.lookAt(group, 0);
  }

  // ------------------------------------------------------------------------------------------------------ operations

  readonly operations = {
    RegisterTargets: (input: RegisterTargetsInput, { nowMs }: RequestContext): object => {
      const group = this.#records.targetGroup(input.TargetGroupArn);
      const targets = input.Targets ?? [];
      if (targets.length === 0) throw invalid('Targets must be specified');
      if (group.targetType === 'lambda') this.#registerFunction(group, targets, nowMs);
      else {
        const addresses = targets.map(({ Id = '', Port }) => checkAddress(Id, Port ?? group.port ?? 0));
        this.#registerAddresses(group, addresses, nowMs);
      }
      return {};
    },

    DeregisterTargets: (input: DeregisterTargetsInput, { nowMs }: RequestContext): object => {
      const group = this.#records.targetGroup(input.TargetGroupArn);
      const asked = input.Targets ?? [];
      if (asked.length === 0) throw invalid('Targets must be specified');
      // Without a port every registration of the address is meant.
      const keys = Object.entries(group.targets)
        .filter(([, target]) =>
          asked.some(({ Id, Port }) => Id === target.id && (Port === undefined || Port === target.port)),
        )
        .map(([key]) => key);
      this.#deregister(group, keys, nowMs);
      return {};
    },

    DescribeTargetHealth: (input: DescribeTargetHealthInput): DescribeTargetHealthOutput => {
      const group = this.#records.targetGroup(input.TargetGroupArn);
      const asked = input.Targets?.map(({ Id = '', Port }) => ({
        id: Id,
        ...(group.targetType === 'lambda' ? {} : { port: Port ?? group.port ?? 0 }),
      }));
      const targets: { id: string; port?: number }[] = asked ?? Object.values(group.targets);
      return {
        TargetHealthDescriptions: targets.map(({ id, port }) => ({
          Target: {
            Id: id,
            ...(port === undefined
              ? { AvailabilityZone: 'all' }
              : { Port: port, AvailabilityZone: `${this.#records.settings.region}a` }),
          },
          ...(port === undefined ? {} : { HealthCheckPort: String(checkPort(group, port)) }),
          TargetHealth: describeHealth(group, group.targets[targetKey(id, port)]),
        })),
      };
    },
  };

  // --------------------------------------------------------------------------------------------- for other machines

  /** Registers an IP target, as RegisterTargets does. */
  register(targetGroupArn: string, target: TargetAddress, nowMs: number): void {
    this.#registerAddresses(this.#records.targetGroup(targetGroupArn), [target], nowMs);
  }

  /** Starts draining an IP target; a group or target that is gone is drained already. */
  deregister(targetGroupArn: string, target: TargetAddress, nowMs: number): void {
    const group = this.#records.targetGroups.get(targetGroupArn);
    if (group) this.#deregister(group, [targetKey(target.ip, target.port)], nowMs);
  }

  state(targetGroupArn: string, target: TargetAddress): { state: TargetState; description: string | undefined } {
    const group = this.#records.targetGroups.get(targetGroupArn);
    const record = group?.targets[targetKey(target.ip, target.port)];
    if (!group || !record) return { state: undefined, description: undefined };
    const { State, Description } = describeHealth(group, record);
    return { state: State as TargetState, description: Description };
  }

  requestStarted(targetGroupArn: string, target: TargetAddress): void {
    const entry = entryOf(targetGroupArn, targetKey(target.ip, target.port));
    this.#inFlight.set(entry, (this.#inFlight.get(entry) ?? 0) + 1);
  }

  requestEnded(targetGroupArn: string, target: TargetAddress): void {
    const entry = entryOf(targetGroupArn, targetKey(target.ip, target.port));
    const left = (this.#inFlight.get(entry) ?? 0) - 1;
    if (left > 0) {
      this.#inFlight.set(entry, left);
      return;
    }
    this.#inFlight.delete(entry);
    const record = this.#records.targetGroups.get(targetGroupArn)?.targets[targetKey(target.ip, target.port)];
    if (record?.state === 'draining') this.#enter((nowMs) => this.#look(entry, nowMs));
  }

  // ------------------------------------------------------------------------------------------------- health checking

  /** Looks at every target of a group at `atMs`: it was attached, or its settings changed. */
  lookAt(group: TargetGroupRecord, atMs: number): void {
    for (const key of Object.keys(group.targets)) this.#agenda.wake(entryOf(group.arn, key), atMs);
  }

  /** The group is used by a rule from now on: its targets are checked as if they had just been registered. */
  attached(targetGroupArn: string, nowMs: number): void {
    const group = this.#records.targetGroup(targetGroupArn);
    for (const [key, target] of Object.entries(group.targets)) {
      if (target.state === 'draining') continue;
      this.#checks.delete(entryOf(group.arn, key));
      group.targets[key] = initial(target);
    }
    this.#records.targetGroups.set(group.arn, group);
    this.lookAt(group, nowMs);
    this.#changed(group.arn);
  }

  advance(nowMs: number): void {
    const due = this.#agenda.take(nowMs);
    try {
      for (const entry of due) this.#look(entry, nowMs);
    } catch (error) {
      // The step is undone: everything is still to be looked at.
      for (const entry of due) this.#agenda.wake(entry, nowMs);
      throw error;
    }
  }

  nextAtMs(): number | undefined {
    return this.#agenda.nextAtMs();
  }

  #look(entry: string, nowMs: number): void {
    const [targetGroupArn = '', key = ''] = entry.split('|');
    const group = this.#records.targetGroups.get(targetGroupArn);
    const target = group?.targets[key];
    if (!group || !target) {
      this.#checks.delete(entry);
      return;
    }
    if (target.state === 'draining') this.#drain(group, key, target, nowMs);
    else if (group.loadBalancerArn !== undefined && group.health.enabled) this.#check(group, key, target, nowMs);
  }

  #drain(group: TargetGroupRecord, key: string, target: TargetRecord, nowMs: number): void {
    const entry = entryOf(group.arn, key);
    const untilMs = target.drainUntilMs ?? nowMs;
    if (nowMs < untilMs && this.#inFlight.has(entry)) {
      this.#agenda.wake(entry, untilMs);
      return;
    }
    delete group.targets[key];
    this.#checks.delete(entry);
    this.#store(group);
  }

  #check(group: TargetGroupRecord, key: string, target: TargetRecord, nowMs: number): void {
    const entry = entryOf(group.arn, key);
    const check = this.#checks.get(entry) ?? { nextMs: nowMs, probe: 0, underWay: false, passes: 0, failures: 0 };
    this.#checks.set(entry, check);
    if (check.underWay) return;
    if (nowMs < check.nextMs) {
      this.#agenda.wake(entry, check.nextMs);
      return;
    }
    check.probe = ++this.#probeCount;
    check.underWay = true;
    check.nextMs = nowMs + group.health.intervalSec * 1000;
    const { probe } = check;
    const report = (status: number | undefined) => this.#enter((atMs) => this.#answered(entry, probe, status, atMs));
    if (target.port === undefined) this.#probeFunction(group, target.id, report);
    else {
      const { path, timeoutSec } = group.health;
      this.#probes.probe(
        { ip: target.id, port: checkPort(group, target.port), path, timeoutMs: timeoutSec * 1000 },
        report,
      );
    }
  }

  #probeFunction(group: TargetGroupRecord, functionArn: string, report: (status: number | undefined) => void): void {
    const event = {
      requestContext: { elb: { targetGroupArn: group.arn } },
      httpMethod: 'GET',
      path: group.health.path,
      queryStringParameters: {},
      headers: { 'user-agent': 'ELB-HealthChecker/2.0' },
      body: '',
      isBase64Encoded: false,
    };
    this.#functions.invokeForTarget(functionArn, Buffer.from(JSON.stringify(event))).then(
      (result) => report(result.functionError === undefined ? statusOf(result.payload) : 502),
      () => report(undefined),
    );
  }

  #answered(entry: string, probe: number, status: number | undefined, nowMs: number): void {
    const check = this.#checks.get(entry);
    if (check?.probe !== probe) return;
    check.underWay = false;
    this.#agenda.wake(entry, Math.max(check.nextMs, nowMs));
    const [targetGroupArn = '', key = ''] = entry.split('|');
    const group = this.#records.targetGroups.get(targetGroupArn);
    const target = group?.targets[key];
    if (!group || !target || target.state === 'draining' || group.loadBalancerArn === undefined) return;
    const passed =
      status !== undefined && parseMatcher(group.health.matcher).some(({ from, to }) => status >= from && status <= to);
    check.passes = passed ? check.passes + 1 : 0;
    check.failures = passed ? 0 : check.failures + 1;
    const next = judge(target, check, group.health, status);
    if (!next) return;
    group.targets[key] = next;
    this.#store(group);
  }

  // ---------------------------------------------------------------------------------------------------- registration

  #registerFunction(
    group: TargetGroupRecord,
    targets: readonly { Id?: string | undefined; Port?: number | undefined }[],
    nowMs: number,
  ): void {
    const [target] = targets;
    const id = target?.Id ?? '';
    const others = [...targets.map(({ Id }) => Id), ...Object.keys(group.targets)].filter((other) => other !== id);
    if (others.length > 0)
      throw new AwsError(
        'TooManyTargets',
        `The maximum number of targets ('1') has been reached for target group '${group.arn}'`,
      );
    if (target?.Port !== undefined)
      throw invalid("A port cannot be specified for target groups with target type 'lambda'");
    if (!/^arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:[A-Za-z0-9-_]+(:[A-Za-z0-9$_-]+)?$/.test(id)) {
      throw new AwsError('InvalidTarget', `The target '${id}' is not a Lambda function ARN`);
    }
    if (!this.#functions.allowsInvoke(id, PRINCIPAL, group.arn)) {
      throw new AwsError(
        'AccessDenied',
        `elasticloadbalancing principal does not have permission to invoke ${id} from target group ${group.arn}`,
        403,
      );
    }
    if (Object.hasOwn(group.targets, id)) return;
    group.targets[id] = initial({ id, state: 'initial' });
    this.#store(group);
    this.#agenda.wake(entryOf(group.arn, id), nowMs);
  }

  #registerAddresses(group: TargetGroupRecord, addresses: readonly TargetAddress[], nowMs: number): void {
    for (const { ip, port } of addresses) {
      const key = targetKey(ip, port);
      const known = group.targets[key];
      if (known && known.state !== 'draining') continue;
      group.targets[key] = initial({ id: ip, port, state: 'initial' });
      this.#checks.delete(entryOf(group.arn, key));
      this.#agenda.wake(entryOf(group.arn, key), nowMs);
    }
    if (Object.keys(group.targets).length > QUOTAS.targetsPerTargetGroup) {
      throw new AwsError(
        'TooManyTargets',
        `The maximum number of targets has been reached for target group '${group.arn}'`,
      );
    }
    this.#store(group);
  }

  #deregister(group: TargetGroupRecord, keys: readonly string[], nowMs: number): void {
    for (const key of keys) {
      const target = group.targets[key];
      if (!target || target.state === 'draining') continue;
      // A function has no connections to wait for.
      if (target.port === undefined) {
        delete group.targets[key];
        continue;
      }
      const delaySec = Number(group.attributes['deregistration_delay.timeout_seconds']);
      group.targets[key] = {
        id: target.id,
        port: target.port,
        state: 'draining',
        reason: 'Target.DeregistrationInProgress',
        description: 'Target deregistration is in progress',
        drainUntilMs: nowMs + delaySec * 1000,
      };
      this.#agenda.wake(entryOf(group.arn, key), nowMs);
    }
    this.#store(group);
  }

  #store(group: TargetGroupRecord): void {
    this.#records.targetGroups.set(group.arn, group);
    this.#changed(group.arn);
  }
}

function entryOf(targetGroupArn: string, key: string): string {
  return `${targetGroupArn}|${key}`;
}

function initial(target: TargetRecord): TargetRecord {
  const address = target.port === undefined ? { id: target.id } : { id: target.id, port: target.port };
  return {
    ...address,
    state: 'initial',
    reason: 'Elb.RegistrationInProgress',
    description: 'Target registration is in progress',
  };
}

/** The target after a probe, or undefined when nothing about it changed. */
function judge(
  target: TargetRecord,
  check: Check,
  health: TargetGroupRecord['health'],
  status: number | undefined,
): TargetRecord | undefined {
  const { state: _s, reason: _r, description: _d, ...address } = target;
  if (check.passes > 0) {
    // A new target needs one pass only; a target that was unhealthy needs as many as the threshold says.
    const enough = target.state === 'initial' || check.passes >= health.healthyThreshold;
    return target.state !== 'healthy' && enough ? { ...address, state: 'healthy' } : undefined;
  }
  const failure =
    status === undefined
      ? { reason: 'Target.Timeout', description: 'Request timed out' }
      : { reason: 'Target.ResponseCodeMismatch', description: `Health checks failed with these codes: [${status}]` };
  if (check.failures >= health.unhealthyThreshold || target.state === 'unhealthy') {
    const same = target.state === 'unhealthy' && target.description === failure.description;
    return same ? undefined : { ...address, state: 'unhealthy', ...failure };
  }
  if (target.state !== 'initial' || target.reason === 'Elb.InitialHealthChecking') return undefined;
  return {
    ...address,
    state: 'initial',
    reason: 'Elb.InitialHealthChecking',
    description: 'Initial health checks in progress',
  };
}

function describeHealth(group: TargetGroupRecord, target: TargetRecord | undefined): TargetHealth {
  if (!target) return health('unused', 'Target.NotRegistered', 'Target is not registered to the target group');
  if (target.state === 'draining') return health('draining', target.reason, target.description);
  if (group.loadBalancerArn === undefined)
    return health(
      'unused',
      'Target.NotInUse',
      'Target group is not configured to receive traffic from the load balancer',
    );
  if (!group.health.enabled)
    return health('unavailable', 'Target.HealthCheckDisabled', 'Health checks are not enabled for this target');
  return health(target.state, target.reason, target.description);
}

function health(
  State: TargetHealthStateEnum,
  reason: string | undefined,
  Description: string | undefined,
): TargetHealth {
  return { State, ...(reason === undefined ? {} : { Reason: reason as TargetHealthReasonEnum, Description }) };
}

function checkPort(group: TargetGroupRecord, port: number): number {
  return group.health.port === 'traffic-port' ? port : Number(group.health.port);
}

function checkAddress(ip: string, port: number): TargetAddress {
  if (!/^(\d{1,3})(\.\d{1,3}){3}$/.test(ip) || ip.split('.').some((part) => Number(part) > 255))
    throw invalid(`The IP address '${ip}' is not a valid IPv4 address`);
  if (!PRIVATE_RANGES.test(ip)) throw invalid(`The IP address '${ip}' is not within a range of the VPC`);
  if (!Number.isInteger(port) || port < 1 || port > 65535)
    throw invalid(`Port '${port}' must be between '1' and '65535'`);
  return { ip, port };
}

function statusOf(payload: Uint8Array): number | undefined {
  try {
    const answer: unknown = JSON.parse(Buffer.from(payload).toString());
    const status = (answer as { statusCode?: unknown } | null)?.statusCode;
    return typeof status === 'number' ? status : 502;
  } catch {
    return 502;
  }
}

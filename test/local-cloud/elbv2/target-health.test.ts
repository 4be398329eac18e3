/** Targets: registration, the states and reasons of their health, draining, functions, and who may have a request. */
import { describe, expect, it } from 'vitest';
import { refusal, World } from '../ecs/world.ts';

const IP = '10.0.1.5';
const FUNCTION = 'arn:aws:lambda:us-east-1:000000000000:function:hello';

/** A world with one attached group and a server at IP whose status follows `status`. */
function world(status: (sinceMs: number) => number | undefined = () => 200, health: object = {}) {
  const w = new World();
  const group = w.ipGroup('web', health);
  const listener = w.listener();
  w.tasks.scripts.set('server', { status, startMs: 0 });
  w.tasks.prepare({
    taskArn: 't',
    privateIp: IP,
    containers: [
      {
        name: 'c',
        image: 'server',
        entryPoint: [],
        command: [],
        workingDirectory: undefined,
        environment: {},
        containerPorts: [8080],
        logGroup: undefined,
        logStream: undefined,
      },
    ],
  });
  w.tasks.startContainer('t', 'c', () => {});
  w.pass(0);
  const register = () => w.elbCall('RegisterTargets', { TargetGroupArn: group, Targets: [{ Id: IP }] });
  const health0 = () =>
    w.elbCall('DescribeTargetHealth', { TargetGroupArn: group }).TargetHealthDescriptions[0]?.TargetHealth;
  return { w, group, listener, register, health: health0 };
}

describe('the health of a target', () => {
  it('is unused until its group is attached, and checked at once then', () => {
    const { w, group, listener, register, health } = world();
    register();
    w.pass(60_000);
    expect(health()).toMatchObject({ State: 'unused', Reason: 'Target.NotInUse' });
    expect(w.tasks.probes).toEqual([]);
    const rule = w.rule(listener, 1, [[group, 0]]);
    expect(health()).toMatchObject({ State: 'initial', Reason: 'Elb.RegistrationInProgress' });
    w.pass(5);
    expect(health(), 'one pass is enough for a new target').toEqual({ State: 'healthy' });
    expect(w.tasks.probes.map(({ target }) => target)).toEqual([{ ip: IP, port: 8080, path: '/', timeoutMs: 2000 }]);
    w.elbCall('DeleteRule', { RuleArn: rule });
    w.pass(1_000);
    expect(health().State).toBe('unused');
    w.rule(listener, 2, [[group, 0]]);
    w.pass(5);
    expect(health().State, 'attached again, it is new again').toBe('healthy');
  });

  it('follows the thresholds', () => {
    // Fails between 12 and 32 seconds after the start.
    const { w, group, listener, register, health } = world((sinceMs) =>
      sinceMs < 12_000 || sinceMs >= 32_000 ? 200 : 404,
    );
    w.rule(listener, 1, [[group, 1]]);
    register();
    const seen: string[] = [];
    const look = () => {
      const { State, Description } = health();
      const text = `${State}${Description ? ` ${Description}` : ''}`;
      if (seen.at(-1) !== text) seen.push(text);
    };
    look();
    w.afterEachStep = look;
    const startMs = w.clock.now();
    w.until('it is unhealthy', () => health().State === 'unhealthy');
    expect(w.clock.now() - startMs, 'the second failure in a row').toBe(20_005);
    w.until('it is healthy again', () => health().State === 'healthy');
    expect(w.clock.now() - startMs, 'the second pass in a row').toBe(40_005);
    expect(seen).toEqual([
      'initial Target registration is in progress',
      'healthy',
      'unhealthy Health checks failed with these codes: [404]',
      'healthy',
    ]);
    expect(w.tasks.probes.slice(1).map(({ atMs }, index) => atMs - (w.tasks.probes[index]?.atMs ?? 0))).toEqual(
      Array(8).fill(5_000),
    );
  });

  it.each([
    { reason: 'no answer', status: undefined, Reason: 'Target.Timeout', matcher: '200' },
    { reason: 'another code', status: 302, Reason: 'Target.ResponseCodeMismatch', matcher: '200-299' },
    {
      reason: 'a code that is not in the list',
      status: 201,
      Reason: 'Target.ResponseCodeMismatch',
      matcher: '200,202',
    },
  ])('says why it is unhealthy: $reason', ({ status, Reason, matcher }) => {
    const { w, group, listener, register, health } = world(() => status, { Matcher: { HttpCode: matcher } });
    w.rule(listener, 1, [[group, 1]]);
    register();
    w.pass(4_000);
    expect(health()).toMatchObject({ State: 'initial', Reason: 'Elb.InitialHealthChecking' });
    w.pass(6_000);
    expect(health()).toMatchObject({ State: 'unhealthy', Reason });
  });

  it.each(['200-299', '200,204', '204'])('accepts the codes of the matcher %s', (matcher) => {
    const { w, group, listener, register, health } = world(() => 204, { Matcher: { HttpCode: matcher } });
    w.rule(listener, 1, [[group, 1]]);
    register();
    w.pass(100);
    expect(health().State).toBe('healthy');
  });

  it('is told for targets that are not registered, too', () => {
    const { w, group } = world();
    const { TargetHealthDescriptions } = w.elbCall('DescribeTargetHealth', {
      TargetGroupArn: group,
      Targets: [{ Id: '10.0.9.9' }],
    });
    expect(TargetHealthDescriptions).toMatchObject([
      { Target: { Id: '10.0.9.9', Port: 8080 }, TargetHealth: { State: 'unused', Reason: 'Target.NotRegistered' } },
    ]);
  });

  it('survives a restart, and is checked at once after it', () => {
    const { w, group, listener, register } = world();
    w.rule(listener, 1, [[group, 1]]);
    register();
    w.pass(100);
    w.cloud.close();
    const after = w.restart();
    after.pass(0);
    expect(after.healthOf(group)).toEqual(['healthy']);
    expect(after.tasks.probes).toHaveLength(1);
    after.pass(10_000);
    expect(after.healthOf(group), 'nobody listens there any more').toEqual(['unhealthy']);
  });
});

describe('draining', () => {
  it.each([
    { reason: 'ends at once when nothing is in flight', requests: 0, endsAfterMs: 0 },
    { reason: 'ends with the delay when a request does not end', requests: 1, endsAfterMs: 300_000 },
  ])('$reason', ({ requests, endsAfterMs }) => {
    const { w, group, listener, register, health } = world();
    w.rule(listener, 1, [[group, 1]]);
    register();
    w.pass(100);
    for (let index = 0; index < requests; index++) w.elbv2.requestStarted(group, { ip: IP, port: 8080 });
    w.elbCall('DeregisterTargets', { TargetGroupArn: group, Targets: [{ Id: IP }] });
    if (endsAfterMs > 0) {
      w.pass(endsAfterMs - 1);
      expect(health()).toMatchObject({ State: 'draining', Reason: 'Target.DeregistrationInProgress' });
      expect(w.elbv2.targetsFor(group), 'it gets no new requests').toEqual({ type: 'ip', targets: [] });
      w.pass(1);
    }
    expect(health()).toBeUndefined();
  });

  it('ends with the last of several requests', () => {
    const { w, group, listener, register, health } = world();
    w.rule(listener, 1, [[group, 1]]);
    register();
    w.pass(100);
    const target = { ip: IP, port: 8080 };
    w.elbv2.requestStarted(group, target);
    w.elbv2.requestStarted(group, target);
    w.elbCall('DeregisterTargets', { TargetGroupArn: group, Targets: [{ Id: IP }] });
    w.elbv2.requestEnded(group, target);
    expect(health().State).toBe('draining');
    w.elbv2.requestEnded(group, target);
    expect(health()).toBeUndefined();
  });

  it('ends when the target is registered again', () => {
    const { w, group, listener, register, health } = world();
    w.rule(listener, 1, [[group, 1]]);
    register();
    w.pass(100);
    w.elbv2.requestStarted(group, { ip: IP, port: 8080 });
    w.elbCall('DeregisterTargets', { TargetGroupArn: group, Targets: [{ Id: IP }] });
    register();
    expect(health().State).toBe('initial');
    w.pass(5);
    expect(health().State, 'it is checked at once').toBe('healthy');
    w.pass(1_000_000);
    expect(health().State).toBe('healthy');
  });

  it('of what is not registered succeeds', () => {
    const { w, group } = world();
    expect(w.elbCall('DeregisterTargets', { TargetGroupArn: group, Targets: [{ Id: '10.9.9.9' }] })).toEqual({});
  });
});

describe('targetsFor', () => {
  it('gives the healthy targets, and all of them when none is', () => {
    const { w, group, listener, register } = world((sinceMs) => (sinceMs < 20_000 ? 200 : 500));
    w.rule(listener, 1, [[group, 1]]);
    register();
    w.elbCall('RegisterTargets', { TargetGroupArn: group, Targets: [{ Id: '10.0.1.6', Port: 9 }] });
    const both = [
      { ip: IP, port: 8080 },
      { ip: '10.0.1.6', port: 9 },
    ];
    expect(w.elbv2.targetsFor(group)).toEqual({ type: 'ip', targets: both });
    w.pass(15_000);
    expect(w.elbv2.targetsFor(group)).toEqual({ type: 'ip', targets: [both[0]] });
    w.pass(20_000);
    expect(w.elbv2.targetsFor(group), 'it fails open').toEqual({ type: 'ip', targets: both });
  });
});

describe('a function as target', () => {
  function lambdaWorld(more: object = {}) {
    const w = new World();
    const { TargetGroups } = w.elbCall('CreateTargetGroup', { Name: 'fn', TargetType: 'lambda', ...more });
    const group: string = TargetGroups[0].TargetGroupArn;
    const register = (id = FUNCTION) => w.elbCall('RegisterTargets', { TargetGroupArn: group, Targets: [{ Id: id }] });
    return { w, group, register };
  }

  it('needs a permission for this group', () => {
    const { w, group, register } = lambdaWorld();
    expect(refusal(() => register())).toBe(
      `AccessDenied: elasticloadbalancing principal does not have permission to invoke ${FUNCTION} from target group ${group}`,
    );
    w.permissions.add(`${FUNCTION}|${group}`);
    expect(register()).toEqual({});
    expect(w.elbv2.targetsFor(group)).toEqual({ type: 'lambda', functionArn: FUNCTION, multiValueHeaders: false });
    w.elbCall('ModifyTargetGroupAttributes', {
      TargetGroupArn: group,
      Attributes: [{ Key: 'lambda.multi_value_headers.enabled', Value: 'true' }],
    });
    expect(w.elbv2.targetsFor(group)).toMatchObject({ multiValueHeaders: true });
  });

  it('is alone in its group', () => {
    const { w, group, register } = lambdaWorld();
    w.permissions.add(`${FUNCTION}|${group}`).add(`${FUNCTION}:live|${group}`);
    register();
    register();
    expect(refusal(() => register(`${FUNCTION}:live`))).toMatch(/^TooManyTargets/);
    expect(refusal(() => register('10.0.0.1'))).toMatch(/^TooManyTargets|^InvalidTarget/);
    w.elbCall('DeregisterTargets', { TargetGroupArn: group, Targets: [{ Id: FUNCTION }] });
    expect(w.elbv2.targetsFor(group), 'nothing can serve').toEqual({ type: 'ip', targets: [] });
    expect(register(`${FUNCTION}:live`)).toEqual({});
  });

  it('is unavailable without health checks, once attached', () => {
    const { w, group, register } = lambdaWorld();
    w.permissions.add(`${FUNCTION}|${group}`);
    register();
    const health = () =>
      w.elbCall('DescribeTargetHealth', { TargetGroupArn: group }).TargetHealthDescriptions[0].TargetHealth;
    expect(health()).toMatchObject({ State: 'unused', Reason: 'Target.NotInUse' });
    w.rule(w.listener(), 1, [[group, 1]]);
    expect(health()).toMatchObject({ State: 'unavailable', Reason: 'Target.HealthCheckDisabled' });
  });

  it('is checked by invoking it when health checks are on', async () => {
    const { w, group, register } = lambdaWorld({ HealthCheckEnabled: true });
    w.permissions.add(`${FUNCTION}|${group}`);
    w.rule(w.listener(), 1, [[group, 1]]);
    register();
    w.pass(0);
    expect(await w.clock.run(() => w.healthOf(group)[0] === 'healthy', 1_000)).toBe(true);
    w.functionStatus = 500;
    expect(await w.clock.run(() => w.healthOf(group)[0] === 'unhealthy', 100_000)).toBe(true);
  });
});

describe('RegisterTargets refuses', () => {
  it.each([
    {
      reason: 'no address',
      target: { Id: 'host' },
      error: /^ValidationError: The IP address 'host' is not a valid IPv4 address/,
    },
    {
      reason: 'a public address',
      target: { Id: '8.8.8.8' },
      error: /^ValidationError: The IP address '8.8.8.8' is not within/,
    },
    { reason: 'a bad port', target: { Id: IP, Port: 70000 }, error: /^ValidationError: Port '70000'/ },
  ])('$reason', ({ target, error }) => {
    const { w, group } = world();
    expect(refusal(() => w.elbCall('RegisterTargets', { TargetGroupArn: group, Targets: [target] }))).toMatch(error);
    expect(w.healthOf(group)).toEqual([]);
  });

  it('an unknown group', () => {
    expect(
      refusal(() => new World().elbCall('RegisterTargets', { TargetGroupArn: 'arn:x', Targets: [{ Id: IP }] })),
    ).toBe("TargetGroupNotFound: Target groups 'arn:x' not found");
  });
});

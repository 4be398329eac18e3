/** Target groups: what may be created, health check settings, attributes, tags, listings. */
import { describe, expect, it } from 'vitest';
import { refusal, World } from '../ecs/world.ts';

const IP_GROUP = { Name: 'web', TargetType: 'ip', Protocol: 'HTTP', Port: 8080, VpcId: 'vpc-1' };

describe('CreateTargetGroup', () => {
  it.each([
    { reason: 'a long name', input: { Name: 'a'.repeat(33) }, error: /cannot be longer than '32' characters/ },
    { reason: 'a name with an underscore', input: { Name: 'a_b' }, error: /alphanumeric characters or hyphens/ },
    { reason: 'a name that ends with a hyphen', input: { Name: 'a-' }, error: /cannot begin or end with a hyphen/ },
    { reason: 'no port', input: { Port: undefined }, error: /A port must be specified/ },
    { reason: 'no protocol', input: { Protocol: undefined }, error: /A protocol must be specified/ },
    { reason: 'no VPC', input: { VpcId: undefined }, error: /A VPC ID must be specified/ },
    {
      reason: 'instances',
      input: { TargetType: undefined },
      error: /Target type 'instance' is not supported by the local cloud/,
    },
    {
      reason: 'a port for a function',
      input: { TargetType: 'lambda' },
      error: /cannot be specified for target groups with target type 'lambda'/,
    },
    {
      reason: 'checks every 4 seconds',
      input: { HealthCheckIntervalSeconds: 4 },
      error: /must be between '5' and '300'/,
    },
    {
      reason: 'checks every 301 seconds',
      input: { HealthCheckIntervalSeconds: 301 },
      error: /must be between '5' and '300'/,
    },
    {
      reason: 'a timeout beyond the interval',
      input: { HealthCheckIntervalSeconds: 5 },
      error: /timeout '5' must be smaller/,
    },
    { reason: 'a threshold of 1', input: { HealthyThresholdCount: 1 }, error: /must be between '2' and '10'/ },
    {
      reason: 'no checks',
      input: { HealthCheckEnabled: false },
      error: /must be true for target groups with target type 'ip'/,
    },
    { reason: 'a matcher of 500', input: { Matcher: { HttpCode: '200-500' } }, error: /must be within '200-499'/ },
    { reason: 'a path without a slash', input: { HealthCheckPath: 'health' }, error: /Health check path/ },
  ])('refuses $reason', ({ input, error }) => {
    const w = new World();
    expect(refusal(() => w.elbCall('CreateTargetGroup', { ...IP_GROUP, ...input }))).toMatch(error);
    expect(w.elbCall('DescribeTargetGroups', {}).TargetGroups).toEqual([]);
  });

  it('fills in the defaults of each type', () => {
    const w = new World();
    expect(w.elbCall('CreateTargetGroup', IP_GROUP).TargetGroups[0]).toMatchObject({
      HealthCheckEnabled: true,
      HealthCheckIntervalSeconds: 30,
      HealthCheckTimeoutSeconds: 5,
      HealthyThresholdCount: 5,
      UnhealthyThresholdCount: 2,
      HealthCheckPath: '/',
      HealthCheckPort: 'traffic-port',
      Matcher: { HttpCode: '200' },
      LoadBalancerArns: [],
    });
    const lambda = w.elbCall('CreateTargetGroup', { Name: 'fn', TargetType: 'lambda' }).TargetGroups[0];
    expect(lambda).toMatchObject({
      HealthCheckEnabled: false,
      HealthCheckIntervalSeconds: 35,
      HealthCheckTimeoutSeconds: 30,
    });
    expect(lambda.Port).toBeUndefined();
  });

  it('returns what is there for the same request, and refuses another of that name', () => {
    const w = new World();
    const [first] = w.elbCall('CreateTargetGroup', IP_GROUP).TargetGroups;
    expect(w.elbCall('CreateTargetGroup', IP_GROUP).TargetGroups[0].TargetGroupArn).toBe(first.TargetGroupArn);
    expect(refusal(() => w.elbCall('CreateTargetGroup', { ...IP_GROUP, Port: 81 }))).toBe(
      "DuplicateTargetGroupName: A target group with the same name 'web' exists, but with different settings",
    );
  });
});

describe('target groups', () => {
  it('change their health checks', () => {
    const w = new World();
    const group = w.ipGroup('web');
    const { TargetGroups } = w.elbCall('ModifyTargetGroup', {
      TargetGroupArn: group,
      HealthCheckPath: '/ok',
      Matcher: { HttpCode: '204' },
    });
    expect(TargetGroups[0]).toMatchObject({
      HealthCheckPath: '/ok',
      Matcher: { HttpCode: '204' },
      HealthCheckIntervalSeconds: 5,
    });
    expect(
      refusal(() => w.elbCall('ModifyTargetGroup', { TargetGroupArn: group, HealthCheckTimeoutSeconds: 5 })),
    ).toMatch(/must be smaller/);
  });

  it('are found by name, ARN and load balancer, and page by page', () => {
    const w = new World();
    const [a, b] = [w.ipGroup('a'), w.ipGroup('b')];
    const listener = w.listener();
    w.rule(listener, 1, [[b, 0]]);
    const { LoadBalancerArn } = w.elbCall('DescribeListeners', { ListenerArns: [listener] }).Listeners[0];
    const arns = (input: object): string[] =>
      w
        .elbCall('DescribeTargetGroups', input)
        .TargetGroups.map(({ TargetGroupArn }: { TargetGroupArn: string }) => TargetGroupArn);
    expect(arns({ Names: ['a'] })).toEqual([a]);
    expect(arns({ TargetGroupArns: [b] })).toEqual([b]);
    expect(arns({ LoadBalancerArn })).toEqual([b]);
    const { NextMarker } = w.elbCall('DescribeTargetGroups', { PageSize: 1 });
    expect(arns({ PageSize: 1, Marker: NextMarker })).toEqual([b]);
    expect(refusal(() => arns({ Names: ['a', 'none'] }))).toBe(
      'TargetGroupNotFound: One or more target groups not found',
    );
    expect(refusal(() => arns({ Names: ['a'], TargetGroupArns: [a] }))).toMatch(/^ValidationError/);
    expect(refusal(() => arns({ PageSize: 401 }))).toMatch(/^ValidationError/);
    const many = Array.from({ length: 21 }, (_, index) => `group-${index}`);
    for (const list of [{ Names: many }, { TargetGroupArns: many }]) {
      expect(refusal(() => arns(list))).toBe(
        "ValidationError: You cannot describe more than '20' target groups at a time",
      );
    }
  });

  it.each([
    { key: 'deregistration_delay.timeout_seconds', value: '0', error: undefined },
    { key: 'deregistration_delay.timeout_seconds', value: '3601', error: /not valid for target group attribute/ },
    { key: 'slow_start.duration_seconds', value: '29', error: /not valid/ },
    { key: 'stickiness.enabled', value: 'yes', error: /not valid/ },
    { key: 'lambda.multi_value_headers.enabled', value: 'true', error: /not recognized or not supported/ },
    { key: 'toString', value: '1', error: /not recognized/ },
  ])('take the attribute $key = $value only when AWS does', ({ key, value, error }) => {
    const w = new World();
    const group = w.ipGroup('web');
    const modify = () =>
      w.elbCall('ModifyTargetGroupAttributes', { TargetGroupArn: group, Attributes: [{ Key: key, Value: value }] });
    if (error) expect(refusal(modify)).toMatch(error);
    else {
      modify();
      expect(w.elbCall('DescribeTargetGroupAttributes', { TargetGroupArn: group }).Attributes).toContainEqual({
        Key: key,
        Value: value,
      });
    }
  });

  it('carry tags, as the other resources do', () => {
    const w = new World();
    const group = w.ipGroup('web', { Tags: [{ Key: 'a', Value: '1' }] });
    const rule = w.rule(w.listener(), 1, [[group, 1]]);
    w.elbCall('AddTags', { ResourceArns: [group, rule], Tags: [{ Key: 'b', Value: '2' }] });
    w.elbCall('RemoveTags', { ResourceArns: [group], TagKeys: ['a', 'none'] });
    expect(w.elbCall('DescribeTags', { ResourceArns: [rule, group] }).TagDescriptions).toEqual([
      { ResourceArn: rule, Tags: [{ Key: 'b', Value: '2' }] },
      { ResourceArn: group, Tags: [{ Key: 'b', Value: '2' }] },
    ]);
    expect(refusal(() => w.elbCall('DescribeTags', { ResourceArns: Array(21).fill(group) }))).toMatch(
      /^ValidationError/,
    );
    expect(refusal(() => w.elbCall('DescribeTags', { ResourceArns: [`${group}x`] }))).toMatch(/^TargetGroupNotFound/);
    const tags = Array.from({ length: 50 }, (_, index) => ({ Key: `k${index}`, Value: '' }));
    expect(refusal(() => w.elbCall('AddTags', { ResourceArns: [group], Tags: tags }))).toMatch(/^TooManyTags/);
  });
});

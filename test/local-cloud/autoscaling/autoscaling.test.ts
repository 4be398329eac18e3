/** Scalable targets and policies: bounds that hold for the service, and what is refused. */
import type { Alarm } from '@aws-sdk/client-application-auto-scaling';
import { describe, expect, it } from 'vitest';
import { refusal, World, web } from '../ecs/world.ts';

const TARGET = {
  ServiceNamespace: 'ecs',
  ResourceId: 'service/main/web',
  ScalableDimension: 'ecs:service:DesiredCount',
};
const CPU = {
  PredefinedMetricSpecification: { PredefinedMetricType: 'ECSServiceAverageCPUUtilization' },
  TargetValue: 60,
};
const REQUESTS = {
  PredefinedMetricType: 'ALBRequestCountPerTarget',
  ResourceLabel: 'app/lb/0123456789abcdef/targetgroup/web/0123456789abcdef',
};

function world(desiredCount = 1): World {
  const w = new World();
  w.cluster();
  w.service('web', w.definition('web', [web()]), { desiredCount });
  return w;
}

const register = (w: World, more: object = { MinCapacity: 1, MaxCapacity: 4 }) =>
  w.scalingCall('RegisterScalableTarget', { ...TARGET, ...more });
const put = (w: World, name: string, tracking: object, more: object = {}) =>
  w.scalingCall('PutScalingPolicy', {
    ...TARGET,
    PolicyName: name,
    PolicyType: 'TargetTrackingScaling',
    TargetTrackingScalingPolicyConfiguration: tracking,
    ...more,
  });

describe('a scalable target', () => {
  it.each([
    { desired: 1, min: 2, max: 4, becomes: 2 },
    { desired: 6, min: 2, max: 4, becomes: 4 },
    { desired: 3, min: 2, max: 4, becomes: 3 },
    { desired: 3, min: 0, max: 0, becomes: 0 },
  ])('brings $desired tasks into [$min, $max]', ({ desired, min, max, becomes }) => {
    const w = world(desired);
    register(w, { MinCapacity: min, MaxCapacity: max });
    expect(w.describe('web').desiredCount).toBe(becomes);
    w.pass(30_000);
    expect(w.describe('web').runningCount).toBe(becomes);
  });

  it('keeps what a later registration leaves out', () => {
    const w = world();
    const { ScalableTargetARN } = register(w, { MinCapacity: 1, MaxCapacity: 4, Tags: { a: '1' } });
    expect(register(w, { MaxCapacity: 9 }).ScalableTargetARN).toBe(ScalableTargetARN);
    const { ScalableTargets } = w.scalingCall('DescribeScalableTargets', {
      ServiceNamespace: 'ecs',
      ResourceIds: [TARGET.ResourceId],
    });
    expect(ScalableTargets).toMatchObject([{ MinCapacity: 1, MaxCapacity: 9, ScalableTargetARN }]);
    w.scalingCall('TagResource', { ResourceARN: ScalableTargetARN, Tags: { b: '2' } });
    w.scalingCall('UntagResource', { ResourceARN: ScalableTargetARN, TagKeys: ['a'] });
    expect(w.scalingCall('ListTagsForResource', { ResourceARN: ScalableTargetARN })).toEqual({ Tags: { b: '2' } });
    expect(refusal(() => w.scalingCall('ListTagsForResource', { ResourceARN: 'arn:x' }))).toMatch(
      /^ResourceNotFoundException/,
    );
  });

  it.each([
    { reason: 'no bounds', input: {}, error: /^ValidationException: MinCapacity and MaxCapacity are required/ },
    {
      reason: 'max below min',
      input: { MinCapacity: 3, MaxCapacity: 2 },
      error: /Maximum capacity cannot be less than minimum capacity/,
    },
    {
      reason: 'no such service',
      input: { ResourceId: 'service/main/none', MinCapacity: 1, MaxCapacity: 1 },
      error: /ECS service doesn't exist: service\/main\/none/,
    },
    {
      reason: 'no such cluster',
      input: { ResourceId: 'service/none/web', MinCapacity: 1, MaxCapacity: 1 },
      error: /ECS service doesn't exist/,
    },
    { reason: 'another namespace', input: { ServiceNamespace: 'dynamodb' }, error: /dynamodb is not supported/ },
    {
      reason: 'another dimension',
      input: { ScalableDimension: 'ecs:service:Other' },
      error: /Unsupported scalable dimension/,
    },
  ])('is refused: $reason', ({ input, error }) => {
    const w = world();
    expect(refusal(() => register(w, input))).toMatch(error);
    expect(w.scalingCall('DescribeScalableTargets', { ServiceNamespace: 'ecs' }).ScalableTargets).toEqual([]);
  });

  it('goes with its policies, once', () => {
    const w = world();
    register(w);
    put(w, 'cpu', CPU);
    w.scalingCall('DeregisterScalableTarget', TARGET);
    expect(w.scalingCall('DescribeScalingPolicies', { ServiceNamespace: 'ecs' }).ScalingPolicies).toEqual([]);
    expect(refusal(() => w.scalingCall('DeregisterScalableTarget', TARGET))).toBe(
      'ObjectNotFoundException: No scalable target found for service namespace: ecs, resource ID: service/main/web, scalable dimension: ecs:service:DesiredCount',
    );
  });

  it('is listed page by page', () => {
    const w = world();
    const definition = w.definition('web', [web()]);
    for (const name of ['a', 'b', 'c']) {
      w.service(name, definition, { desiredCount: 0 });
      register(w, { ResourceId: `service/main/${name}`, MinCapacity: 0, MaxCapacity: 1 });
    }
    const first = w.scalingCall('DescribeScalableTargets', { ServiceNamespace: 'ecs', MaxResults: 2 });
    const second = w.scalingCall('DescribeScalableTargets', {
      ServiceNamespace: 'ecs',
      MaxResults: 2,
      NextToken: first.NextToken,
    });
    expect([first.ScalableTargets.length, second.ScalableTargets.length, second.NextToken]).toEqual([2, 1, undefined]);
    expect(
      refusal(() => w.scalingCall('DescribeScalableTargets', { ServiceNamespace: 'ecs', NextToken: 'x' })),
    ).toMatch(/^InvalidNextTokenException/);
    expect(
      refusal(() => w.scalingCall('DescribeScalableTargets', { ServiceNamespace: 'ecs', MaxResults: 51 })),
    ).toMatch(/^ValidationException/);
  });
});

describe('a scaling policy', () => {
  it('is kept, changed and deleted', () => {
    const w = world();
    register(w);
    const { PolicyARN, Alarms } = put(w, 'cpu', CPU);
    expect((Alarms as Alarm[]).map(({ AlarmName }) => AlarmName?.replace(/[0-9a-f-]{36}$/, 'id'))).toEqual([
      'TargetTracking-service/main/web-AlarmHigh-id',
      'TargetTracking-service/main/web-AlarmLow-id',
    ]);
    expect(put(w, 'cpu', { ...CPU, TargetValue: 70 }).PolicyARN).toBe(PolicyARN);
    put(w, 'requests', { PredefinedMetricSpecification: REQUESTS, TargetValue: 500 });
    const { ScalingPolicies } = w.scalingCall('DescribeScalingPolicies', {
      ServiceNamespace: 'ecs',
      ResourceId: TARGET.ResourceId,
    });
    expect(ScalingPolicies).toMatchObject([
      {
        PolicyName: 'cpu',
        TargetTrackingScalingPolicyConfiguration: { TargetValue: 70, ScaleInCooldown: 300, DisableScaleIn: false },
      },
      { PolicyName: 'requests', TargetTrackingScalingPolicyConfiguration: { PredefinedMetricSpecification: REQUESTS } },
    ]);
    w.scalingCall('DeleteScalingPolicy', { ...TARGET, PolicyName: 'cpu' });
    expect(refusal(() => w.scalingCall('DeleteScalingPolicy', { ...TARGET, PolicyName: 'cpu' }))).toMatch(
      /^ObjectNotFoundException/,
    );
  });

  it('needs its target', () => {
    expect(refusal(() => put(world(), 'cpu', CPU))).toMatch(/^ObjectNotFoundException: No scalable target found/);
  });

  it.each([
    { reason: 'step scaling', tracking: CPU, more: { PolicyType: undefined }, error: /StepScaling is not supported/ },
    { reason: 'no metric', tracking: { TargetValue: 1 }, error: /Exactly one of/ },
    {
      reason: 'an unknown metric',
      tracking: {
        TargetValue: 1,
        PredefinedMetricSpecification: { PredefinedMetricType: 'RDSReaderAverageCPUUtilization' },
      },
      error: /is not valid for the scalable dimension/,
    },
    { reason: 'more than 100 %', tracking: { ...CPU, TargetValue: 101 }, error: /target value 101/ },
    { reason: 'a target of 0', tracking: { ...CPU, TargetValue: 0 }, error: /target value 0/ },
    {
      reason: 'a label for CPU',
      tracking: {
        TargetValue: 50,
        PredefinedMetricSpecification: { ...CPU.PredefinedMetricSpecification, ResourceLabel: 'x' },
      },
      error: /ResourceLabel can only/,
    },
    {
      reason: 'requests without a label',
      tracking: {
        TargetValue: 50,
        PredefinedMetricSpecification: { PredefinedMetricType: 'ALBRequestCountPerTarget' },
      },
      error: /ResourceLabel of/,
    },
    { reason: 'a second policy for a metric', tracking: CPU, error: /Only one TargetTrackingScaling policy/ },
  ])('is refused: $reason', ({ tracking, more = {}, error }) => {
    const w = world();
    register(w);
    put(w, 'first', CPU);
    expect(refusal(() => put(w, 'second', tracking, more))).toMatch(error);
  });
});

/** How passes and objects are counted: the results that controller-runtime's dashboards know, and numbers without names. */
import { describe, expect, it } from 'vitest';
import type { LambdaContainerStatus } from '../../src/api/index.ts';
import { ObjectMetrics, type Outcome, PassMetrics } from '../../src/controller/index.ts';
import { Failure, type FailureKind, Metrics, VirtualClock } from '../../src/core/index.ts';
import { GitMetrics } from '../../src/gitops/git-metrics.ts';
import type { Inventory, ObjectEvent } from '../../src/resource/index.ts';

const failure = (kind: FailureKind) =>
  new Failure({ kind, service: 'ecs', operation: 'describeServices', code: 'X', message: 'x' });

function reading(metrics: Metrics, name: string, labels: Record<string, string> = {}): number | undefined {
  return metrics
    .samples()
    .find(
      (sample) => sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
    )?.value;
}

describe('a pass', () => {
  const cases: { reason: string; outcome: Outcome | Error; result: string; errors?: number; defects?: number }[] = [
    { reason: 'nothing is left to do', outcome: { type: 'done' }, result: 'success' },
    { reason: 'it got on', outcome: { type: 'requeue', afterMs: 0 }, result: 'requeue' },
    { reason: 'it waits for AWS', outcome: { type: 'requeue', afterMs: 500 }, result: 'requeue_after' },
    { reason: 'the same steps again', outcome: { type: 'backoff', atLeastMs: 0 }, result: 'requeue' },
    {
      reason: 'a step failed',
      outcome: { type: 'backoff', atLeastMs: 0, failure: failure('throttled') },
      result: 'error',
      errors: 1,
    },
    {
      reason: 'somebody wrote first, which is no error',
      outcome: { type: 'backoff', atLeastMs: 0, failure: failure('conflict') },
      result: 'requeue',
    },
    { reason: 'a table cannot be read', outcome: failure('transient'), result: 'error', errors: 1 },
    { reason: 'the state was written by another', outcome: failure('conflict'), result: 'requeue' },
    { reason: 'a defect of ours', outcome: new TypeError('x'), result: 'error', errors: 1, defects: 1 },
  ];
  it.each(cases)('$result: $reason', ({ outcome, result, errors = 0, defects = 0 }) => {
    const metrics = new Metrics();
    const passes = new PassMetrics(metrics, () => 16);
    passes.began('a/b');
    passes.ended('a/b', outcome, 1_500);
    expect(reading(metrics, 'controller_runtime_reconcile_total', { result })).toBe(1);
    expect(reading(metrics, 'controller_runtime_reconcile_errors_total')).toBe(errors);
    expect(reading(metrics, 'controller_runtime_reconcile_panics_total')).toBe(defects);
    expect(reading(metrics, 'controller_runtime_reconcile_time_seconds')).toBe(1.5);
  });

  it('has a number as long as it runs', () => {
    const metrics = new Metrics();
    const passes = new PassMetrics(metrics, () => 16);
    expect([passes.began('a/b'), passes.began('a/c')]).toEqual([1, 2]);
    expect([passes.numberOf('a/c'), reading(metrics, 'controller_runtime_active_workers')]).toEqual([2, 2]);
    passes.ended('a/c', { type: 'done' }, 1);
    expect([passes.numberOf('a/c'), reading(metrics, 'controller_runtime_active_workers')]).toEqual([undefined, 1]);
  });
});

const AT = '1970-01-01T00:00:10.000Z';

function status(phase: LambdaContainerStatus['phase'], drift: string[] = []): LambdaContainerStatus {
  return {
    observedGeneration: 1,
    phase,
    placement: { serving: { lambda: 25, fargate: 75 }, reason: '' },
    conditions: [
      {
        type: 'Ready',
        status: phase === 'Ready' ? 'True' : 'False',
        reason: 'X',
        message: '',
        lastTransitionTime: AT,
        observedGeneration: 1,
      },
    ],
    drift: drift.map((path) => ({
      node: 'service',
      path,
      desired: 1,
      observed: 0,
      reason: 'DesiredCountDrift',
      since: AT,
      policy: 'heal',
      owner: 'lambdacontainer',
    })),
    inventory: [],
  };
}

describe('objects', () => {
  it('are counted by phase, condition, drift, hold and who serves, when somebody reads', () => {
    const clock = new VirtualClock();
    const metrics = new Metrics();
    const held = { held: { reason: 'Protected', message: '', sinceMs: 0 } } as Inventory;
    const memory = [
      { statusOutline: status('Ready') },
      { statusOutline: status('Ready') },
      { statusOutline: status('Stalled', ['desiredCount']), inventoryOutline: held },
      {},
    ];
    new ObjectMetrics(metrics, { objects: () => memory }, clock);
    expect(reading(metrics, 'lambdacontainer_objects', { phase: 'Ready' })).toBe(2);
    expect(reading(metrics, 'lambdacontainer_objects', { phase: 'Stalled' })).toBe(1);
    expect(reading(metrics, 'lambdacontainer_object_conditions', { condition: 'Ready', status: 'False' })).toBe(1);
    expect(reading(metrics, 'lambdacontainer_deletions_held', { reason: 'Protected' })).toBe(1);
    expect(reading(metrics, 'lambdacontainer_objects_served', { by: 'fargate' })).toBe(2.25);
    expect(reading(metrics, 'lambdacontainer_drift_objects')).toBe(1);
    expect(reading(metrics, 'lambdacontainer_drift_oldest_seconds')).toBe((clock.now() - Date.parse(AT)) / 1000);
    memory.length = 0;
    expect(reading(metrics, 'lambdacontainer_objects', { phase: 'Ready' }), 'what is gone counts no more').toBe(0);
    expect(reading(metrics, 'lambdacontainer_drift_oldest_seconds')).toBe(0);
  });

  it('count each drift and each healing once', () => {
    const metrics = new Metrics();
    const told = new ObjectMetrics(metrics, { objects: () => [] }, new VirtualClock());
    const event = (reason: string, more: Partial<ObjectEvent> = {}): ObjectEvent => ({
      at: AT,
      type: 'Normal',
      reason,
      message: '',
      ...more,
    });
    const drifted = status('Reconciling', ['desiredCount']);
    told.told(status('Ready'), drifted, []);
    told.told(drifted, drifted, []);
    told.told(drifted, status('Ready'), [
      event('Updated', { node: 'service', tookMs: 5 }),
      event('Healed', { tookMs: 10_000 }),
    ]);
    told.told(status('Pending'), status('Ready'), [event('Ready', { tookMs: 30_000 })]);
    expect(reading(metrics, 'lambdacontainer_drift_found_total', { reason: 'DesiredCountDrift' })).toBe(1);
    expect(reading(metrics, 'lambdacontainer_heal_seconds')).toBe(10);
    expect(reading(metrics, 'lambdacontainer_ready_seconds')).toBe(30);
  });
});

it('git sources are counted by how their passes end, and webhooks by what was answered', () => {
  const metrics = new Metrics();
  const git = new GitMetrics(metrics, () => 3);
  git.passed('settled', 2_000);
  git.passed('error', 1_000);
  git.webhook(401);
  expect(reading(metrics, 'lambdacontainer_git_passes_total', { result: 'error' })).toBe(1);
  expect(reading(metrics, 'lambdacontainer_git_pass_seconds')).toBe(3);
  expect(reading(metrics, 'lambdacontainer_git_webhooks_total', { status: '401' })).toBe(1);
  expect(reading(metrics, 'lambdacontainer_git_sources')).toBe(3);
});

/** Defaults, layers and rules that need more than one document. */
import { describe, expect, it } from 'vitest';
import {
  formatDefect,
  type LambdaContainerClassSpec,
  type LambdaContainerSpec,
  specHash,
  validateClass,
  validateLambdaContainer,
} from '../../src/api/index.ts';
import { CLASS_SPEC, MINIMAL_SPEC, ROLE, withValue } from './fixtures.ts';

function classOf(changes: Record<string, unknown> = {}): LambdaContainerClassSpec {
  const { spec, defects } = validateClass({ ...CLASS_SPEC, ...changes });
  expect(defects).toEqual([]);
  return spec as LambdaContainerClassSpec;
}

function specOf(raw: unknown, classSpec?: LambdaContainerClassSpec): LambdaContainerSpec {
  const { spec, defects } = validateLambdaContainer(raw, classSpec);
  expect(defects).toEqual([]);
  return spec as LambdaContainerSpec;
}

function lines(raw: unknown, classSpec?: LambdaContainerClassSpec, namespace?: string): string[] {
  return validateLambdaContainer(raw, classSpec, namespace).defects.map(formatDefect);
}

describe('defaults', () => {
  it('of the product', () => {
    expect(specOf(MINIMAL_SPEC)).toEqual({
      className: 'standard',
      source: { functionRef: { name: 'checkout' } },
      interface: 'lambda',
      port: undefined,
      workload: 'service',
      build: { trackBaseImage: true, dockerfile: null },
      compute: { cpu: 256, memory: 512, processes: 1, spot: { weight: 0 }, ephemeralStorage: 21, timeoutMs: null },
      placement: { mode: 'fargate' },
      scaling: { min: 1, max: 2, targets: {}, schedules: [] },
      traffic: { hosts: [], healthCheck: { intervalMs: 15_000, healthyThreshold: 2 } },
      rollout: { strategy: 'rolling', steps: [], rollbackOnFailure: true, approval: 'none', history: 5 },
      environment: {},
      acknowledgePlaintextEnvironment: false,
      secrets: {},
      roles: {},
      network: { subnets: [], securityGroups: [], assignPublicIp: false },
      triggers: [],
      drift: { policy: 'heal', fields: {} },
      adoption: 'never',
      deletionPolicy: 'delete',
      dependsOn: [],
      suspend: false,
    });
  });

  it('of a class', () => {
    const { defaults, listeners, ...spec } = classOf();
    expect(defaults).toEqual({});
    expect(listeners).toEqual(CLASS_SPEC.listeners);
    expect(spec).toMatchObject({
      assignPublicIp: false,
      ecr: { repositoryPrefix: 'lambdacontainer' },
      build: {
        computeType: 'BUILD_GENERAL1_SMALL',
        environmentType: 'LINUX_CONTAINER',
        timeoutMinutes: 15,
        baseImageRegistry: 'public.ecr.aws',
      },
      logs: { retentionDays: 30 },
      health: { intervalSec: 15, healthyThreshold: 2, deregistrationDelaySec: 30 },
      namespaces: ['*'],
      caps: {},
      tags: {},
    });
  });

  it('max follows min, memory follows cpu, port follows the interface', () => {
    expect(specOf({ ...MINIMAL_SPEC, scaling: { min: 7 } }).scaling.max).toBe(7);
    expect(specOf({ ...MINIMAL_SPEC, compute: { cpu: 4096 } }).compute.memory).toBe(8192);
    expect(specOf({ ...MINIMAL_SPEC, interface: 'http' }).port).toBe(8080);
    expect(specOf({ ...MINIMAL_SPEC, interface: 'http', port: 3000 }).port).toBe(3000);
    expect(specOf({ ...MINIMAL_SPEC, compute: { timeout: '1m30s' } }).compute.timeoutMs).toBe(90_000);
  });

  it('a class lies beneath the spec and over the product', () => {
    const classSpec = classOf({
      defaults: {
        compute: { cpu: 512, memory: 2048 },
        environment: { LOG_LEVEL: 'info', TEAM: 'shop' },
        traffic: { healthCheck: { interval: '20s' } },
      },
      health: { intervalSec: 30, healthyThreshold: 3 },
    });
    const spec = specOf({ ...MINIMAL_SPEC, compute: { memory: 4096 }, environment: { LOG_LEVEL: 'debug' } }, classSpec);
    expect(spec.compute).toMatchObject({ cpu: 512, memory: 4096 });
    expect(spec.environment).toEqual({ LOG_LEVEL: 'debug', TEAM: 'shop' });
    expect(spec.traffic.healthCheck).toEqual({ intervalMs: 20_000, healthyThreshold: 3 });
    expect(spec.network).toEqual({
      subnets: CLASS_SPEC.subnets,
      securityGroups: CLASS_SPEC.securityGroups,
      assignPublicIp: false,
    });
    expect(spec.roles).toEqual({ task: ROLE, execution: CLASS_SPEC.roles.execution });
  });

  it('an empty list of subnets means those of the class, one of its own replaces them', () => {
    expect(specOf({ ...MINIMAL_SPEC, network: { subnets: [] } }, classOf()).network.subnets).toEqual(
      CLASS_SPEC.subnets,
    );
    expect(specOf({ ...MINIMAL_SPEC, network: { subnets: ['subnet-1'] } }, classOf()).network.subnets).toEqual([
      'subnet-1',
    ]);
  });

  it('min 0 is for placements in which Lambda serves', () => {
    const split = { mode: 'split', split: { lambda: 10, fargate: 90 } };
    expect(lines({ ...MINIMAL_SPEC, scaling: { min: 0 }, placement: split })).toEqual([
      "spec.scaling.min: 0 with placement.mode 'split' is not available in this version: a fixed share needs a task to serve it; use at least 1",
    ]);
    expect(specOf({ ...MINIMAL_SPEC, scaling: { min: 0, max: 0 }, placement: { mode: 'lambda' } }).scaling.max).toBe(0);
    const empty = { mode: 'split', split: { lambda: 0, fargate: 100 } };
    expect(lines({ ...MINIMAL_SPEC, scaling: { min: 0 }, placement: empty })).toHaveLength(1);
  });

  it('what looks like a secret passes when it is acknowledged', () => {
    const raw = { ...MINIMAL_SPEC, environment: { DB_PASSWORD: 'hunter2' }, acknowledgePlaintextEnvironment: true };
    expect(specOf(raw).environment).toEqual({ DB_PASSWORD: 'hunter2' });
  });

  it.each(['SECRET_ARN', 'MAX_TOKENS', 'TOKEN_TTL', 'PASSWORD_FILE', 'MONKEY', 'KEY'])('%s is no secret', (name) => {
    expect(specOf(withValue(MINIMAL_SPEC, `environment.${name}`, 'something'))).toBeDefined();
  });
});

describe('a class bounds its objects', () => {
  it('names each cap that is broken, also by a default', () => {
    const classSpec = classOf({
      caps: { cpuMax: 512, memoryMax: 1024, maxTasks: 4 },
      defaults: { scaling: { max: 4 } },
    });
    expect(lines({ ...MINIMAL_SPEC, compute: { cpu: 1024 }, scaling: { max: 9 } }, classSpec)).toEqual([
      "spec.compute.cpu: 1024 CPU units is more than 512, the cap of class 'standard'; use at most 512",
      "spec.compute.memory: 2048 MiB (a default) is more than 1024, the cap of class 'standard'; use at most 1024",
      "spec.scaling.max: 9 tasks is more than 4, the cap of class 'standard'; use at most 4",
    ]);
  });

  it('a cap of one task is no trap for somebody who asked for nothing', () => {
    expect(specOf(MINIMAL_SPEC, classOf({ caps: { maxTasks: 1 } })).scaling).toMatchObject({ min: 1, max: 1 });
  });

  it('admits namespaces', () => {
    const classSpec = classOf({ namespaces: ['shop'] });
    expect(lines(MINIMAL_SPEC, classSpec, 'shop')).toEqual([]);
    expect(lines(MINIMAL_SPEC, classSpec, 'blog')).toEqual([
      "spec.className: 'standard' may not be used from namespace 'blog'; it admits shop: choose another class or have it admit the namespace",
    ]);
  });

  it('needs a listener for services', () => {
    expect(lines(MINIMAL_SPEC, classOf({ listeners: [] }))).toEqual([
      "spec.className: 'standard' has no listener for a service; add one to spec.listeners of the class, or choose another class",
    ]);
  });
});

describe('all defects come in one answer', () => {
  it('of types, unknown fields, versions and rules', () => {
    const raw = {
      compute: { cpu: 300, memory: '512', processes: 12 },
      placement: { mode: 'split' },
      scaling: { min: 3, max: 2 },
      traffic: { hosts: ['localhost'] },
      triggers: [{ schedule: 'rate(1 minute)' }],
      environment: { API_TOKEN: 'abcdef' },
      sorce: {},
    };
    expect(lines(raw).map((line) => line.split(': ')[0])).toEqual([
      'spec.triggers',
      'spec.compute.cpu',
      'spec.compute.memory',
      'spec.compute.processes',
      'spec.traffic.hosts[0]',
      'spec.sorce',
      'spec.source',
      'spec.placement.mode',
      'spec.scaling.min',
      'spec.environment.API_TOKEN',
    ]);
  });

  it('a consequence of a defect is not told', () => {
    expect(lines({ ...MINIMAL_SPEC, compute: { cpu: 'much', memory: 8192 } })).toHaveLength(1);
    expect(lines({ ...MINIMAL_SPEC, placement: { mode: 'splitt', split: { lambda: 1, fargate: 2 } } })).toHaveLength(1);
  });

  it('split excludes strategies in which ECS owns the weights', () => {
    const raw = {
      ...MINIMAL_SPEC,
      placement: { mode: 'split', split: { lambda: 50, fargate: 50 } },
      rollout: { strategy: 'canary' },
    };
    // The strategy is not available at all in this version; one defect is enough.
    expect(lines(raw)).toEqual(["spec.rollout.strategy: 'canary' is not available in this version; use 'rolling'"]);
  });

  it('never prints a value that looks like a secret', () => {
    const raw = {
      ...MINIMAL_SPEC,
      environment: { DB_PASSWORD: 12_345_678, X: ['ghp_0123456789abcdefghijklmnopqrstuvwxyz'] },
      className: 'AKIAIOSFODNN7EXAMPLE',
    };
    const { defects } = validateLambdaContainer(raw, undefined);
    expect(defects).toHaveLength(3);
    expect(JSON.stringify(defects)).not.toMatch(/12345678|AKIA|"message":"[^"]*ghp_/);
  });
});

describe('the event format', () => {
  const of = (more: object) => lines({ ...MINIMAL_SPEC, traffic: { eventFormat: 'http-api-v2' }, ...more });

  it('is free where Fargate serves alone', () => {
    expect(of({})).toEqual([]);
  });

  it('is the load balancer’s where the function is its target', () => {
    expect(of({ placement: { mode: 'lambda' } })).toEqual([
      "spec.traffic.eventFormat: 'http-api-v2' does not go with placement.mode 'lambda': behind the load balancer the function gets the load balancer's events; use alb or alb-multi-value, or placement.mode fargate",
    ]);
    expect(of({ placement: { mode: 'lambda' }, traffic: { eventFormat: 'alb-multi-value' } })).toEqual([]);
  });

  it('is nobody’s with interface http, and neither is the concurrency of a process', () => {
    expect(of({ interface: 'http', compute: { concurrency: 4 } })).toEqual([
      "spec.compute.concurrency: 4 is only for interface 'lambda': an http image takes as many requests as it likes; remove it",
      "spec.traffic.eventFormat: 'http-api-v2' is only for interface 'lambda': an http image gets the request itself",
    ]);
  });
});

describe('a class', () => {
  it('keeps its defaults as written', () => {
    expect(classOf({ defaults: { scaling: { min: 3 } } }).defaults).toEqual({ scaling: { min: 3 } });
  });

  it('drops the slash behind a listener', () => {
    const [listener] = CLASS_SPEC.listeners;
    expect(classOf({ listeners: [{ ...listener, url: 'https://shop.example.com/' }] }).listeners[0]?.url).toBe(
      'https://shop.example.com',
    );
  });

  it('keeps logs for ever when told so', () => {
    expect(classOf({ logs: { retentionDays: null } }).logs.retentionDays).toBeNull();
  });
});

describe('specHash', () => {
  it.each([
    ['key order', { scaling: { min: 1, max: 3 } }, { scaling: { max: 3, min: 1 } }],
    ['number spelling', { scaling: { min: 1, max: 1e2 } }, { scaling: { min: 1, max: 100 } }],
    ['defaults', {}, { suspend: false, scaling: { min: 1 }, compute: { spot: {} } }],
    ['durations', { traffic: { healthCheck: { interval: '60s' } } }, { traffic: { healthCheck: { interval: '1m' } } }],
  ])('%s is no change of desire', (_, a, b) => {
    expect(specHash(specOf({ ...MINIMAL_SPEC, ...a }))).toBe(specHash(specOf({ ...MINIMAL_SPEC, ...b })));
  });

  it('another value is', () => {
    expect(specHash(specOf({ ...MINIMAL_SPEC, scaling: { min: 2 } }))).not.toBe(specHash(specOf(MINIMAL_SPEC)));
  });
});

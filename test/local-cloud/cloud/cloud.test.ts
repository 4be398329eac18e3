/** The machines together: what each operation of the ports finds, and that a restart finds everything again. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OPERATIONS } from '../../../src/aws/index.ts';
import { VirtualClock } from '../../../src/core/index.ts';
import {
  createDirectPorts,
  type Handler,
  memoryState,
  openJournal,
  type ServiceId,
} from '../../../src/local-cloud/index.ts';
import { CATALOG } from '../../../src/local-cloud/wire/catalog.ts';
import { idleCloud, unused } from './idle-cloud.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lambdacontainer-cloud-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('the cloud', () => {
  it('supports every operation that the product calls', () => {
    const { services } = idleCloud(memoryState());
    const missing = Object.entries(OPERATIONS).flatMap(([service, methods]) => {
      const { operations, asyncOperations } = services[service as ServiceId] as {
        operations: Record<string, Handler>;
        asyncOperations?: Record<string, Handler>;
      };
      return Object.keys(methods)
        .map((method) => method.charAt(0).toUpperCase() + method.slice(1))
        .filter((operation) => !operations[operation] && !asyncOperations?.[operation])
        .map((operation) => `${service}.${operation}`);
    });
    expect(missing).toEqual([]);
  });

  it('names its machines and their operations as the SDK does', () => {
    const { services } = idleCloud(memoryState());
    const unknown = Object.entries(services).flatMap(([id, machine]) => {
      const { operations, asyncOperations = {} } = machine as { operations: object; asyncOperations?: object };
      expect(machine.id).toBe(id);
      return Object.keys({ ...operations, ...asyncOperations }).filter(
        (operation) => !CATALOG.get(machine.id)?.operations.has(operation),
      );
    });
    expect(unknown).toEqual([]);
  });

  it('has nothing to wait for when it is new', () => {
    const clock = new VirtualClock();
    const cloud = idleCloud(memoryState(), clock);
    while (clock.step());
    expect(clock.now()).toBe(new VirtualClock().now());
    cloud.close();
  });

  it('finds everything again after a restart', async () => {
    const first = idleCloud(openJournal(folder));
    const ports = createDirectPorts(first, { resolveDigest: unused });
    await ports.ecs.createCluster({ clusterName: 'main' });
    await ports.ecr.createRepository({ repositoryName: 'team/app' });
    await ports.logs.createLogGroup({ logGroupName: '/g' });
    await ports.elbv2.createTargetGroup({ Name: 'tg', TargetType: 'lambda' });
    first.close();
    const again = createDirectPorts(idleCloud(openJournal(folder)), { resolveDigest: unused });
    expect((await again.ecs.describeClusters({ clusters: ['main'] })).clusters).toHaveLength(1);
    expect((await again.ecr.describeRepositories({})).repositories).toHaveLength(1);
    expect((await again.logs.describeLogGroups({})).logGroups).toHaveLength(1);
    expect((await again.elbv2.describeTargetGroups({})).TargetGroups).toHaveLength(1);
  });
});

/**
 * The composition root of the daemon: ports in, a controller out. `start` gives it the SDK's ports and the system
 * clock, the simulation the local cloud's direct ports and a virtual one; everything between is the same code.
 */
import type { Ports } from '../aws/index.ts';
import {
  Allocator,
  Classes,
  Controller,
  type ControllerSettings,
  Memory,
  Narrator,
  Reconciler,
} from '../controller/index.ts';
import type { Clock, Logger, Random } from '../core/index.ts';
import { KINDS } from '../kinds/index.ts';
import type { Io } from '../resource/index.ts';
import { Allocations, DesiredTable, Lease, type LeaseSettings, StateTable } from '../store/index.ts';

export interface AssemblySettings extends ControllerSettings {
  readonly region: string;
  readonly desiredTable: string;
  readonly stateTable: string;
  readonly lease: LeaseSettings;
}

export function assembleController(
  ports: Ports,
  clock: Clock,
  random: Random,
  logger: Logger,
  settings: AssemblySettings,
): Controller {
  const desired = new DesiredTable(ports.dynamodb, settings.desiredTable);
  const state = new StateTable(ports.dynamodb, settings.stateTable);
  const lease = new Lease(ports.dynamodb, settings.stateTable, clock, random, logger, settings.lease);
  const memory = new Memory(state, () => lease.epoch);
  const classes = new Classes(desired, clock);
  const io: Io = { aws: ports, region: settings.region, nowMs: () => clock.now(), immutable: new Map() };
  const reconciler = new Reconciler({
    kinds: KINDS,
    io,
    desired,
    memory,
    classes,
    allocator: new Allocator(
      new Allocations(ports.dynamodb, settings.stateTable),
      ports.elbv2,
      memory,
      () => lease.epoch,
    ),
    narrator: new Narrator(memory, KINDS, clock, logger),
    owner: settings.stateTable,
    fence: lease.assertHeld,
    clock,
    random,
    logger,
  });
  return new Controller({
    reconciler,
    memory,
    classes,
    desired,
    dynamo: ports.dynamodb,
    streams: ports.streams,
    lease,
    clock,
    random,
    logger,
    settings,
  });
}

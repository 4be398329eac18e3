/**
 * The composition root of the daemon: ports in, a controller out. `start` gives it the SDK's ports and the system
 * clock, the simulation the local cloud's direct ports and a virtual one; everything between is the same code.
 */
import type { Ports } from '../aws/index.ts';
import {
  Acceptance,
  Allocator,
  Classes,
  ClassRollout,
  type CompanionFactory,
  Confirmations,
  Controller,
  type ControllerSettings,
  DeletionGuard,
  Memory,
  Narrator,
  Passes,
  Reconciler,
  TableTrust,
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

/** `companions` work beside the passes while this daemon leads. */
export function assembleController(
  ports: Ports,
  clock: Clock,
  random: Random,
  logger: Logger,
  settings: AssemblySettings,
  companions: readonly CompanionFactory[] = [],
): Controller {
  const desired = new DesiredTable(ports.dynamodb, settings.desiredTable);
  const state = new StateTable(ports.dynamodb, settings.stateTable);
  const lease = new Lease(ports.dynamodb, settings.stateTable, clock, random, logger, settings.lease);
  const epoch = () => lease.epoch;
  const io: Io = { aws: ports, region: settings.region, nowMs: () => clock.now(), immutable: new Map() };
  const owner = settings.stateTable;

  const memory = new Memory(state, epoch);
  const classes = new Classes(desired, clock);
  const rollout = new ClassRollout({ memory, state, classes, epoch, logger });
  const trust = new TableTrust(desired, state, epoch, clock, logger);
  const confirmations = new Confirmations(desired, logger);
  const guard = new DeletionGuard({ memory, state, epoch, trust, confirmations, rollout, table: desired.table, clock });
  const allocations = new Allocations(ports.dynamodb, settings.stateTable);
  const allocator = new Allocator(allocations, ports.elbv2, memory, epoch);
  const narrator = new Narrator(memory, KINDS, clock, logger);
  const shared = { kinds: KINDS, io, memory, allocator, narrator, owner };
  const reconciler = new Reconciler({
    ...shared,
    desired,
    acceptance: new Acceptance(classes, rollout, clock, random),
    rollout,
    guard,
    trust,
    confirmations,
    passes: new Passes({ ...shared, fence: lease.assertHeld }),
    logger,
  });
  return new Controller({
    reconciler,
    memory,
    classes,
    rollout,
    trust,
    confirmations,
    companions: companions.map((make) => make({ epoch, assertHeld: lease.assertHeld })),
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

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
  type Connect,
  Controller,
  type ControllerSettings,
  DeletionGuard,
  EventIntake,
  IntakeMetrics,
  LastWriters,
  Memory,
  Narrator,
  ObjectMetrics,
  OwnIdentities,
  Passes,
  PassMetrics,
  PlacedTargets,
  Recollections,
  Reconciler,
  StoredIntakeJournal,
  Sweeper,
  type SweeperSettings,
  SweepJournal,
  TableTrust,
} from '../controller/index.ts';
import { type Clock, type Logger, Metrics, type Random, type Tracer } from '../core/index.ts';
import { KINDS } from '../kinds/index.ts';
import { Allocations, DesiredTable, Lease, type LeaseSettings, StateTable } from '../store/index.ts';

export interface AssemblySettings extends ControllerSettings {
  readonly region: string;
  readonly desiredTable: string;
  readonly stateTable: string;
  readonly lease: LeaseSettings;
  /** Undefined: as often as `resyncMs` says, and as fast as it goes. */
  readonly sweep?: Omit<SweeperSettings, 'minPeriodMs'>;
  /** Name or URL of the queue that AWS's events come from; undefined: none do. */
  readonly eventsQueue?: string | undefined;
}

const UNBOUNDED: Omit<SweeperSettings, 'minPeriodMs'> = {
  callsPerSec: 1_000,
  rateShare: undefined,
  maxDriftAgeMs: undefined,
};

/**
 * `companions` work beside the passes while this daemon leads. Without a `tracer` nothing is traced. `connect` reaches
 * the places that classes name; without it there is none beyond that of `ports`.
 */
export function assembleController(
  ports: Ports,
  clock: Clock,
  random: Random,
  logger: Logger,
  settings: AssemblySettings,
  companions: readonly CompanionFactory[] = [],
  metrics: Metrics = new Metrics(),
  tracer?: Tracer,
  connect: Connect = () => ({ ports, close: () => {} }),
): Controller {
  const desired = new DesiredTable(ports.dynamodb, settings.desiredTable);
  const lease = new Lease(ports.dynamodb, settings.stateTable, clock, random, logger, settings.lease, metrics);
  const state = new StateTable(ports.dynamodb, settings.stateTable, lease.assertHeld);
  const epoch = () => lease.epoch;
  const targets = new PlacedTargets(ports, settings.region, clock, connect);
  const owner = settings.stateTable;
  const version = settings.lease.version ?? '';

  const memory = new Memory(state, epoch);
  const classes = new Classes(desired, clock);
  const rollout = new ClassRollout({ memory, state, classes, epoch, logger });
  const trust = new TableTrust(desired, state, epoch, clock, logger);
  const confirmations = new Confirmations(desired, logger);
  const guard = new DeletionGuard({ memory, state, epoch, trust, confirmations, rollout, table: desired.table, clock });
  const allocations = new Allocations(ports.dynamodb, settings.stateTable, lease.assertHeld);
  const allocator = new Allocator(allocations, (klass) => targets.of(klass).io.aws.elbv2, memory, epoch);
  const writers = new LastWriters(() => clock.now());
  const passMetrics = new PassMetrics(metrics, () => settings.workers);
  const narrator = new Narrator(memory, KINDS, clock, logger, {
    passMetrics,
    metrics: new ObjectMetrics(metrics, memory, clock),
  });
  const recollections = new Recollections(KINDS, clock);
  const shared = { kinds: KINDS, memory, allocator, narrator, recollections, owner };
  const reconciler = new Reconciler({
    ...shared,
    targets,
    desired,
    acceptance: new Acceptance(classes, rollout, targets, clock, random),
    rollout,
    guard,
    trust,
    confirmations,
    writers,
    passes: new Passes({ ...shared, fence: lease.assertHeld }),
    version,
    logger,
  });
  const sweeper = new Sweeper({
    kinds: KINDS,
    fleet: memory.fleet,
    classes,
    targets,
    clock,
    random,
    logger,
    metrics,
    settings: { ...(settings.sweep ?? UNBOUNDED), minPeriodMs: settings.resyncMs },
    journal: new SweepJournal(state, epoch),
  });
  const { eventsQueue } = settings;
  const intake =
    eventsQueue === undefined
      ? []
      : [
          new EventIntake({
            sqs: ports.sqs,
            queue: eventsQueue,
            kinds: KINDS,
            index: memory.index,
            own: new OwnIdentities(
              () => targets.all,
              () => clock.monotonic(),
              logger,
            ),
            writers,
            enqueue: (key, heard) => controller.enqueueDrift(key, heard),
            journal: new StoredIntakeJournal(state, epoch, logger),
            metrics: new IntakeMetrics(metrics),
            clock,
            random,
            logger,
          }),
        ];
  const controller = new Controller({
    reconciler,
    memory,
    classes,
    rollout,
    trust,
    confirmations,
    companions: [...companions.map((make) => make({ epoch, assertHeld: lease.assertHeld })), ...intake],
    desired,
    dynamo: ports.dynamodb,
    streams: ports.streams,
    lease,
    clock,
    random,
    logger,
    metrics,
    version,
    sweeper,
    passMetrics,
    tracer,
    settings,
  });
  return controller;
}

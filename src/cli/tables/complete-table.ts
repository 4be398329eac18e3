/**
 * Makes a table, or adds what a table lacks; idempotent, and the only code that does so: `bootstrap` prepares an
 * account with it and `local` its own. A table with wrong keys is refused and left as it is.
 */
import type { DynamoPort } from '../../aws/index.ts';
import { type Clock, isFailure, sleep, UserError } from '../../core/index.ts';
import { checkTable, type Lack, type TableCheck } from './table-check.ts';
import { keysOf, STREAM_VIEW, type TableShape } from './table-shapes.ts';

export interface TableWork {
  readonly dynamo: DynamoPort;
  readonly clock: Clock;
  readonly name: string;
  readonly shape: TableShape;
  /** Whether recovery and deletion protection are wanted. */
  readonly isGuarded: boolean;
  /** What it was found to be a moment ago; it is looked at where this is absent. */
  readonly found?: TableCheck;
  /** Told after each change, or of what a dry run would change. */
  readonly onChange?: (lack: Lack) => void;
  /** Say what would be done, and do nothing. */
  readonly isDryRun?: boolean;
  /** @default 1000 */
  readonly pollMs?: number;
}

/** AWS makes a table within seconds; a minute or two is not unheard of. */
const ACTIVE_WITHIN_MS = 5 * 60_000;
/** A fresh table's backups are switched on shortly after it; until then they are unavailable. */
const BACKUPS_WITHIN_MS = 60_000;

/**
 * Resolves when the table is active and has everything that the endpoint offers.
 * @throws UserError when the table cannot be made what it has to be, or does not become active
 */
export async function completeTable(work: TableWork): Promise<void> {
  const { dynamo, name, shape, isGuarded } = work;
  const check = work.found ?? (await checkTable(dynamo, name, shape, isGuarded));
  if (check.defects.length > 0) throw new UserError(`table ${name}: ${check.defects.join('; ')}`);
  const lacks = check.lacks.includes('table') ? everything(shape, isGuarded) : check.lacks;
  for (const lack of lacks) {
    if (work.isDryRun || (await provide(lack, work))) work.onChange?.(lack);
  }
  if (!work.isDryRun && (lacks.length > 0 || check.status !== 'ACTIVE')) await untilActive(work);
}

/** What creating a table cannot do at once. */
function everything(shape: TableShape, isGuarded: boolean): readonly Lack[] {
  return ['table', ...(shape.expiry ? (['expiry'] as const) : []), ...(isGuarded ? (['recovery'] as const) : [])];
}

/** False when the endpoint does not offer it. */
async function provide(lack: Lack, work: TableWork): Promise<boolean> {
  const { dynamo, name, shape, isGuarded } = work;
  // A table takes one change at a time.
  if (lack !== 'table') await untilActive(work);
  switch (lack) {
    case 'table':
      await create(work);
      return true;
    case 'stream':
      await dynamo.updateTable({
        TableName: name,
        StreamSpecification: { StreamEnabled: true, StreamViewType: STREAM_VIEW },
      });
      return true;
    case 'protection':
      await dynamo.updateTable({ TableName: name, DeletionProtectionEnabled: isGuarded });
      return true;
    case 'expiry':
      await dynamo.updateTimeToLive({
        TableName: name,
        TimeToLiveSpecification: { AttributeName: shape.expiry, Enabled: true },
      });
      return true;
    case 'recovery':
      return recover(work);
  }
}

async function create({ dynamo, name, shape, isGuarded }: TableWork): Promise<void> {
  try {
    await dynamo.createTable({
      TableName: name,
      BillingMode: 'PAY_PER_REQUEST',
      ...keysOf(shape),
      ...(shape.hasStream ? { StreamSpecification: { StreamEnabled: true, StreamViewType: STREAM_VIEW } } : {}),
      ...(isGuarded ? { DeletionProtectionEnabled: true } : {}),
    });
  } catch (error) {
    // Somebody else made it at this moment.
    if (!isFailure(error, 'conflict')) throw error;
  }
}

async function recover({ dynamo, clock, name, pollMs = 1000 }: TableWork): Promise<boolean> {
  const untilMs = clock.now() + BACKUPS_WITHIN_MS;
  for (;;) {
    try {
      await dynamo.updateContinuousBackups({
        TableName: name,
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      });
      return true;
    } catch (error) {
      // A stand-in for DynamoDB that knows no backups.
      if (isFailure(error) && error.code === 'UnknownOperationException') return false;
      const isEarly = isFailure(error) && error.code === 'ContinuousBackupsUnavailableException';
      if (!isEarly || clock.now() >= untilMs) throw error;
    }
    await sleep(clock, pollMs);
  }
}

async function untilActive({ dynamo, clock, name, pollMs = 1000 }: TableWork): Promise<void> {
  const untilMs = clock.now() + ACTIVE_WITHIN_MS;
  for (;;) {
    const { Table } = await dynamo.describeTable({ TableName: name });
    if (Table?.TableStatus === 'ACTIVE') return;
    if (clock.now() >= untilMs) throw new UserError(`table ${name} is still ${Table?.TableStatus} after five minutes`);
    await sleep(clock, pollMs);
  }
}

/**
 * The switch of point-in-time recovery, as API operations: what `bootstrap` turns on and `doctor` looks at. There is
 * nothing to restore from here, and restoring is refused by name as every operation that is not there.
 */
import type {
  ContinuousBackupsDescription,
  DescribeContinuousBackupsCommandInput,
  UpdateContinuousBackupsCommandInput,
} from '@aws-sdk/client-dynamodb';
import { AwsError, type Handler, type RequestContext } from '../../contract.ts';
import { Constraints } from './constraints.ts';
import { type Table, type Tables, tableName } from './tables.ts';

const RECOVERY_DAYS_MAX = 35;
/** The newest moment that can be restored lies typically five minutes back. */
const LATEST_BEHIND_MS = 5 * 60_000;

export class ContinuousBackups {
  readonly #tables: Tables;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  readonly operations: Readonly<Record<string, Handler>> = {
    DescribeContinuousBackups: (input: DescribeContinuousBackupsCommandInput, { nowMs }: RequestContext) => ({
      ContinuousBackupsDescription: describe(this.#table(input.TableName), nowMs),
    }),
    UpdateContinuousBackups: (input: UpdateContinuousBackupsCommandInput, context) => this.#update(input, context),
  };

  #update(input: UpdateContinuousBackupsCommandInput, { nowMs }: RequestContext) {
    const specification = input.PointInTimeRecoverySpecification;
    const constraints = new Constraints();
    if (constraints.required('pointInTimeRecoverySpecification', specification)) {
      constraints.required(
        'pointInTimeRecoverySpecification.pointInTimeRecoveryEnabled',
        specification?.PointInTimeRecoveryEnabled,
      );
      constraints.range(
        'pointInTimeRecoverySpecification.recoveryPeriodInDays',
        specification?.RecoveryPeriodInDays,
        1,
        RECOVERY_DAYS_MAX,
      );
    }
    constraints.enforce();
    const { recovery: before, ...rest } = this.#table(input.TableName);
    if (rest.status === 'CREATING') {
      throw new AwsError(
        'ContinuousBackupsUnavailableException',
        `Backups are being enabled for the table: ${rest.name}. Please retry later`,
      );
    }
    const days = specification?.RecoveryPeriodInDays ?? before?.days ?? RECOVERY_DAYS_MAX;
    const table: Table = specification?.PointInTimeRecoveryEnabled
      ? { ...rest, recovery: { sinceMs: before?.sinceMs ?? nowMs, days } }
      : rest;
    this.#tables.save(table);
    return { ContinuousBackupsDescription: describe(table, nowMs) };
  }

  #table(nameOrArn: string | undefined): Table {
    const constraints = new Constraints();
    constraints.required('tableName', nameOrArn);
    constraints.enforce();
    const name = tableName(nameOrArn ?? '');
    const table = this.#tables.find(name);
    // Operations about backups have an error of their own for it.
    if (!table) throw new AwsError('TableNotFoundException', `Table not found: ${name}`);
    return table;
  }
}

function describe({ recovery }: Table, nowMs: number): ContinuousBackupsDescription {
  if (!recovery) {
    return {
      ContinuousBackupsStatus: 'ENABLED',
      PointInTimeRecoveryDescription: { PointInTimeRecoveryStatus: 'DISABLED' },
    };
  }
  const { sinceMs, days } = recovery;
  const earliestMs = Math.max(sinceMs, nowMs - days * 24 * 3_600_000);
  return {
    ContinuousBackupsStatus: 'ENABLED',
    PointInTimeRecoveryDescription: {
      PointInTimeRecoveryStatus: 'ENABLED',
      RecoveryPeriodInDays: days,
      EarliestRestorableDateTime: new Date(earliestMs),
      LatestRestorableDateTime: new Date(Math.max(earliestMs, nowMs - LATEST_BEHIND_MS)),
    },
  };
}

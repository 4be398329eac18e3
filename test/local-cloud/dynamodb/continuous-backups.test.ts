/** The switch of point-in-time recovery. */
import { describe, expect, it } from 'vitest';
import { Machine } from './machine.ts';

const T = { TableName: 'tbl' };
const on = (RecoveryPeriodInDays?: number) => ({
  ...T,
  PointInTimeRecoverySpecification: {
    PointInTimeRecoveryEnabled: true,
    ...(RecoveryPeriodInDays === undefined ? {} : { RecoveryPeriodInDays }),
  },
});
const off = { ...T, PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: false } };

function recovery(machine: Machine) {
  const { ContinuousBackupsDescription } = machine.call('DescribeContinuousBackups', T);
  expect(ContinuousBackupsDescription.ContinuousBackupsStatus).toBe('ENABLED');
  return ContinuousBackupsDescription.PointInTimeRecoveryDescription;
}

describe('point-in-time recovery', () => {
  it('is off, is switched on and tells what could be restored, and is switched off', () => {
    const machine = new Machine().table();
    expect(recovery(machine)).toEqual({ PointInTimeRecoveryStatus: 'DISABLED' });
    const sinceMs = machine.nowMs;
    machine.call('UpdateContinuousBackups', on());
    expect(recovery(machine)).toEqual({
      PointInTimeRecoveryStatus: 'ENABLED',
      RecoveryPeriodInDays: 35,
      EarliestRestorableDateTime: new Date(sinceMs),
      LatestRestorableDateTime: new Date(sinceMs),
    });
    machine.pass(40 * 24 * 3_600_000);
    expect(recovery(machine)).toMatchObject({
      EarliestRestorableDateTime: new Date(machine.nowMs - 35 * 24 * 3_600_000),
      LatestRestorableDateTime: new Date(machine.nowMs - 5 * 60_000),
    });
    machine.call('UpdateContinuousBackups', on(7));
    expect(recovery(machine)).toMatchObject({ RecoveryPeriodInDays: 7 });
    machine.call('UpdateContinuousBackups', off);
    expect(recovery(machine)).toEqual({ PointInTimeRecoveryStatus: 'DISABLED' });
  });

  it.each<[string, string, object, string]>([
    [
      'a table that is not there',
      'DescribeContinuousBackups',
      { TableName: 'nope' },
      'TableNotFoundException: Table not found: nope',
    ],
    [
      'a table that is not there',
      'UpdateContinuousBackups',
      { ...on(), TableName: 'nope' },
      'TableNotFoundException: Table not found: nope',
    ],
    [
      'no table',
      'DescribeContinuousBackups',
      {},
      "ValidationException: 1 validation error detected: Value null at 'tableName'",
    ],
    [
      'nothing to change',
      'UpdateContinuousBackups',
      T,
      "ValidationException: 1 validation error detected: Value null at 'pointInTimeRecoverySpecification'",
    ],
    [
      'too long a period',
      'UpdateContinuousBackups',
      on(36),
      "Value '36' at 'pointInTimeRecoverySpecification.recoveryPeriodInDays'",
    ],
  ])('%s is refused (%s)', (_, operation, input, message) => {
    expect(new Machine().table().refusal(operation, input)).toContain(message);
  });

  it('is not there yet while a table is made', () => {
    const machine = new Machine().table();
    const { Table } = machine.call('DescribeTable', T);
    machine.call('CreateTable', {
      TableName: 'fresh',
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: Table.KeySchema,
      AttributeDefinitions: Table.AttributeDefinitions,
    });
    expect(machine.refusal('UpdateContinuousBackups', { ...on(), TableName: 'fresh' })).toBe(
      'ContinuousBackupsUnavailableException: Backups are being enabled for the table: fresh. Please retry later',
    );
    machine.pass(500);
    machine.call('UpdateContinuousBackups', { ...on(), TableName: 'fresh' });
  });
});

/** The two tables: whether the controller can work on them, and whether they are safe from an accident. */
import type { TableDescription } from '@aws-sdk/client-dynamodb';
import { isFailure } from '../../core/index.ts';
import type { Connection } from '../commands/connection.ts';
import { check, type Finding, type Said } from './findings.ts';

export async function tableChecks({ ports, tables }: Connection): Promise<Finding[]> {
  const read = async (TableName: string): Promise<TableDescription | undefined> => {
    try {
      return (await ports.dynamodb.describeTable({ TableName })).Table;
    } catch (error) {
      if (isFailure(error, 'notFound')) return undefined;
      throw error;
    }
  };
  const findings = await Promise.all([
    check('tables', 'DesiredTable', async () => {
      const table = await read(tables.desired);
      return [...standing(table, tables.desired, 'name'), ...(table ? [streaming(table), guarded(table)] : [])];
    }),
    check('tables', 'StateTable', async () => {
      const table = await read(tables.state);
      if (!table) return standing(table, tables.state, 'key');
      const { TimeToLiveDescription } = await ports.dynamodb.describeTimeToLive({ TableName: tables.state });
      return [...standing(table, tables.state, 'key'), expiring(tables.state, TimeToLiveDescription)];
    }),
  ]);
  return findings.flat();
}

function standing(table: TableDescription | undefined, name: string, sortKey: string): Said[] {
  const value = name;
  if (!table) {
    const remedy = 'create it with lambdacontainer bootstrap, or correct region, account and table name';
    return [{ level: 'fail', value, message: 'there is no such table here', remedy }];
  }
  const keys = (table.KeySchema ?? []).map(({ AttributeName }) => AttributeName).join(', ');
  if (keys !== `namespace, ${sortKey}`) {
    return [
      {
        level: 'fail',
        value,
        message: `its key is (${keys}), not (namespace, ${sortKey})`,
        remedy: 'it is another table: correct its name, or create one with lambdacontainer bootstrap --tables',
      },
    ];
  }
  if (table.TableStatus !== 'ACTIVE' && table.TableStatus !== 'UPDATING') {
    return [{ level: 'fail', value, message: `it is ${table.TableStatus}`, remedy: 'wait until it is ACTIVE' }];
  }
  return [{ level: 'ok', value, message: `${table.TableStatus}` }];
}

function streaming({ TableName, StreamSpecification }: TableDescription): Said {
  const view = StreamSpecification?.StreamEnabled ? StreamSpecification.StreamViewType : undefined;
  if (view === 'NEW_AND_OLD_IMAGES') return { level: 'ok', value: TableName, message: 'its stream is enabled' };
  return {
    level: 'warn',
    value: TableName,
    message: view ? `its stream shows ${view}` : 'it has no stream: changes are found only when it is read whole',
    remedy: 'enable its stream with NEW_AND_OLD_IMAGES',
  };
}

function guarded({ TableName, DeletionProtectionEnabled }: TableDescription): Said {
  if (DeletionProtectionEnabled) return { level: 'ok', value: TableName, message: 'it is protected from deletion' };
  return {
    level: 'warn',
    value: TableName,
    message: 'anybody who may delete tables can delete it',
    remedy: 'enable deletion protection, and point-in-time recovery',
  };
}

function expiring(
  name: string,
  ttl: { TimeToLiveStatus?: string | undefined; AttributeName?: string | undefined } | undefined,
): Said {
  const isOn = ttl?.TimeToLiveStatus === 'ENABLED' || ttl?.TimeToLiveStatus === 'ENABLING';
  if (isOn && ttl?.AttributeName === 'expiresAt') return { level: 'ok', value: name, message: 'events expire' };
  return {
    level: 'warn',
    value: name,
    message: isOn ? `items expire by ${ttl?.AttributeName}` : 'events and decisions are kept for ever',
    remedy: 'enable time to live on the attribute expiresAt',
  };
}

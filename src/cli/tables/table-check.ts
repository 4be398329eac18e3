/** Looks at one table and says what it lacks and what is wrong with it for good. It changes nothing. */
import type { DynamoPort } from '../../aws/index.ts';
import { isFailure } from '../../core/index.ts';
import { STREAM_VIEW, type TableShape } from './table-shapes.ts';

/** What can be put right by `completeTable`. */
export type Lack = 'table' | 'stream' | 'expiry' | 'recovery' | 'protection';

export interface TableCheck {
  readonly lacks: readonly Lack[];
  /** What cannot: only another table helps, or a person's decision. */
  readonly defects: readonly string[];
  /** What the endpoint does not offer: a stand-in for DynamoDB may know no backups. */
  readonly isRecoveryUnknown: boolean;
  readonly status: string | undefined;
  readonly itemCount: number | undefined;
}

/** @param isGuarded whether recovery and deletion protection are wanted */
export async function checkTable(
  dynamo: DynamoPort,
  name: string,
  shape: TableShape,
  isGuarded: boolean,
): Promise<TableCheck> {
  const table = await describeTable(dynamo, name);
  if (!table) {
    const lacks: Lack[] = ['table'];
    return { lacks, defects: [], isRecoveryUnknown: false, status: undefined, itemCount: undefined };
  }
  const [expiry, recovery] = await Promise.all([
    shape.expiry ? expiryOf(dynamo, name) : undefined,
    isGuarded ? recoveryOf(dynamo, name) : undefined,
  ]);
  const lacks: Lack[] = [];
  const defects: string[] = [];
  const keys = (table.KeySchema ?? []).map(({ AttributeName }) => AttributeName);
  const types = (table.AttributeDefinitions ?? []).filter(({ AttributeName }) => keys.includes(AttributeName));
  if (keys[0] !== shape.partitionKey || keys[1] !== shape.sortKey || types.some(({ AttributeType: t }) => t !== 'S')) {
    defects.push(
      `its keys are ${keys.join(', ')} instead of the texts ${shape.partitionKey}, ${shape.sortKey}; use another table, or delete this one and make it anew`,
    );
  }
  if (shape.hasStream) {
    const { StreamEnabled, StreamViewType } = table.StreamSpecification ?? {};
    if (!StreamEnabled) lacks.push('stream');
    else if (StreamViewType !== STREAM_VIEW) {
      defects.push(`its stream shows ${StreamViewType} instead of ${STREAM_VIEW}; switch it off, and bootstrap again`);
    }
  }
  if (shape.expiry && !expiry?.isOn) lacks.push('expiry');
  else if (shape.expiry && expiry?.attribute !== shape.expiry) {
    defects.push(
      `its items expire by '${expiry?.attribute}' instead of '${shape.expiry}'; switch that off, and bootstrap again`,
    );
  }
  if (recovery === false) lacks.push('recovery');
  if (isGuarded && !table.DeletionProtectionEnabled) lacks.push('protection');
  return {
    lacks,
    defects,
    isRecoveryUnknown: isGuarded && recovery === undefined,
    status: table.TableStatus,
    itemCount: table.ItemCount,
  };
}

async function describeTable(dynamo: DynamoPort, TableName: string) {
  try {
    return (await dynamo.describeTable({ TableName })).Table;
  } catch (error) {
    if (isFailure(error, 'notFound')) return undefined;
    throw error;
  }
}

async function expiryOf(dynamo: DynamoPort, TableName: string) {
  const { TimeToLiveDescription } = await dynamo.describeTimeToLive({ TableName });
  const status = TimeToLiveDescription?.TimeToLiveStatus;
  return { isOn: status === 'ENABLED' || status === 'ENABLING', attribute: TimeToLiveDescription?.AttributeName };
}

/** Undefined where the endpoint knows no backups. */
async function recoveryOf(dynamo: DynamoPort, TableName: string): Promise<boolean | undefined> {
  try {
    const { ContinuousBackupsDescription } = await dynamo.describeContinuousBackups({ TableName });
    return ContinuousBackupsDescription?.PointInTimeRecoveryDescription?.PointInTimeRecoveryStatus === 'ENABLED';
  } catch (error) {
    if (isFailure(error) && error.code === 'UnknownOperationException') return undefined;
    throw error;
  }
}

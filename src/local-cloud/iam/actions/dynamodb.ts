/**
 * DynamoDB and its streams. Calls for items say which partitions they touch (`dynamodb:LeadingKeys`); a scan says none.
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html
 */
import type * as dynamodb from '@aws-sdk/client-dynamodb';
import { AwsError } from '../../contract.ts';
import { narrowKeyCondition, parseExpressions } from '../../services/dynamodb/expression/index.ts';
import {
  type Account,
  arnIn,
  type Need,
  need,
  onEverything,
  type Resolve,
  type ServiceActions,
  tagsFrom,
} from './needs.ts';

type Attributes = Readonly<Record<string, dynamodb.AttributeValue>> | undefined;
interface OfTable {
  readonly TableName?: string | undefined;
}

export const DYNAMODB: ServiceActions = {
  operations: {
    ...onEverything('dynamodb', ['ListTables']),
    CreateTable: (input: dynamodb.CreateTableInput, account) => [
      need('dynamodb:CreateTable', [tableArn(account, input)], { requestTags: tagsFrom(input.Tags) }),
    ],
    ...onTable([
      'DescribeTable',
      'UpdateTable',
      'DeleteTable',
      'DescribeTimeToLive',
      'UpdateTimeToLive',
      'DescribeContinuousBackups',
      'UpdateContinuousBackups',
      'Scan',
    ]),
    ...onItem('Key', ['GetItem', 'DeleteItem', 'UpdateItem']),
    ...onItem('Item', ['PutItem']),
    Query: (input: dynamodb.QueryInput, account) => [
      item('Query', input, account, () => queriedPartition(input, account)),
    ],
    BatchGetItem: (input: dynamodb.BatchGetItemInput, account) =>
      Object.entries(input.RequestItems ?? {}).map(([TableName, { Keys = [] }]) =>
        item('BatchGetItem', { TableName }, account, () => leadingKeys({ TableName }, Keys, account)),
      ),
    BatchWriteItem: (input: dynamodb.BatchWriteItemInput, account) =>
      Object.entries(input.RequestItems ?? {}).map(([TableName, requests]) =>
        item('BatchWriteItem', { TableName }, account, () =>
          leadingKeys(
            { TableName },
            requests.map(({ PutRequest, DeleteRequest }) => PutRequest?.Item ?? DeleteRequest?.Key),
            account,
          ),
        ),
      ),
    // Each part is an action of its own. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
    TransactGetItems: (input: dynamodb.TransactGetItemsInput, account) =>
      (input.TransactItems ?? []).map(({ Get }) => one('GetItem', Get ?? {}, Get?.Key, account)),
    TransactWriteItems: (input: dynamodb.TransactWriteItemsInput, account) =>
      (input.TransactItems ?? []).map(({ Put, Update, Delete, ConditionCheck }) => {
        if (Put) return one('PutItem', Put, Put.Item, account);
        if (Update) return one('UpdateItem', Update, Update.Key, account);
        if (Delete) return one('DeleteItem', Delete, Delete.Key, account);
        return one('ConditionCheckItem', ConditionCheck ?? {}, ConditionCheck?.Key, account);
      }),
    TagResource: (input: dynamodb.TagResourceInput) => [
      need('dynamodb:TagResource', [input.ResourceArn ?? ''], { requestTags: tagsFrom(input.Tags) }),
    ],
    UntagResource: (input: dynamodb.UntagResourceInput) => [
      need('dynamodb:UntagResource', [input.ResourceArn ?? ''], { tagKeys: input.TagKeys ?? [] }),
    ],
    ListTagsOfResource: (input: dynamodb.ListTagsOfResourceInput) => [
      need('dynamodb:ListTagsOfResource', [input.ResourceArn ?? '']),
    ],
  },
  tagsOf: (ResourceArn, account) => tagsFrom(account.ask('dynamodb', 'ListTagsOfResource', { ResourceArn })?.Tags),
};

export const STREAMS: ServiceActions = {
  operations: {
    ListStreams: (input: OfTable, account) => [
      need('dynamodb:ListStreams', [arnIn(account, 'dynamodb', `table/${input.TableName ?? '*'}/stream/*`)]),
    ],
    DescribeStream: (input: { StreamArn?: string }) => [need('dynamodb:DescribeStream', [input.StreamArn ?? ''])],
    GetShardIterator: (input: { StreamArn?: string }) => [need('dynamodb:GetShardIterator', [input.StreamArn ?? ''])],
    // An iterator begins with the ARN of its stream.
    GetRecords: (input: { ShardIterator?: string }) => [
      need('dynamodb:GetRecords', [input.ShardIterator?.split('|')[0] ?? '']),
    ],
  },
};

function onTable(names: readonly string[]): Record<string, Resolve> {
  return Object.fromEntries(
    names.map((name) => [
      name,
      (input: OfTable & { IndexName?: string }, account: Account) => [
        need(`dynamodb:${name}`, [tableArn(account, input)]),
      ],
    ]),
  );
}

function onItem(member: 'Key' | 'Item', names: readonly string[]): Record<string, Resolve> {
  return Object.fromEntries(
    names.map((name) => [
      name,
      (input: OfTable & { Key?: Attributes; Item?: Attributes }, account: Account) => [
        one(name, input, input[member], account),
      ],
    ]),
  );
}

function one(name: string, table: OfTable, attributes: Attributes, account: Account): Need {
  return item(name, table, account, () => leadingKeys(table, [attributes], account));
}

function item(name: string, table: OfTable, account: Account, leading: () => readonly string[] | undefined): Need {
  return need(`dynamodb:${name}`, [tableArn(account, table)], { keys: { 'dynamodb:LeadingKeys': leading } });
}

function tableArn(account: Account, { TableName = '' }: OfTable): string {
  return TableName.startsWith('arn:') ? TableName : arnIn(account, 'dynamodb', `table/${TableName}`);
}

interface Keyed {
  readonly AttributeDefinitions: readonly { AttributeName: string; AttributeType: 'S' | 'N' | 'B' }[];
  readonly KeySchema: readonly { AttributeName: string; KeyType: 'HASH' | 'RANGE' }[];
}

function tableOf({ TableName }: OfTable, account: Account): Keyed | undefined {
  return account.ask('dynamodb', 'DescribeTable', { TableName })?.Table;
}

function leadingKeys(table: OfTable, items: readonly Attributes[], account: Account): string[] | undefined {
  const hash = tableOf(table, account)?.KeySchema.find(({ KeyType }) => KeyType === 'HASH')?.AttributeName;
  if (hash === undefined) return undefined;
  const values = items.flatMap((attributes) => textOf(attributes?.[hash]) ?? []);
  return [...new Set(values)];
}

/** A query that DynamoDB will refuse touches no partition. */
function queriedPartition(input: dynamodb.QueryInput, account: Account): string[] | undefined {
  const table = tableOf(input, account);
  if (!table) return undefined;
  const attribute = (type: 'HASH' | 'RANGE') => {
    const name = table.KeySchema.find(({ KeyType }) => KeyType === type)?.AttributeName;
    const definition = table.AttributeDefinitions.find(({ AttributeName }) => AttributeName === name);
    return definition && { name: definition.AttributeName, type: definition.AttributeType };
  };
  const [hash, range] = [attribute('HASH'), attribute('RANGE')];
  if (!hash) return undefined;
  try {
    const { keyCondition } = parseExpressions(input, [
      'KeyConditionExpression',
      'FilterExpression',
      'ProjectionExpression',
    ]);
    if (!keyCondition) return undefined;
    const text = textOf(narrowKeyCondition(keyCondition, { hash, ...(range ? { range } : {}) }).partition);
    return text === undefined ? undefined : [text];
  } catch (error) {
    if (error instanceof AwsError) return undefined;
    throw error;
  }
}

function textOf(
  value: { readonly S?: string; readonly N?: string; readonly B?: Uint8Array } | object | undefined,
): string | undefined {
  const { S, N, B } = (value ?? {}) as { S?: string; N?: string; B?: Uint8Array };
  return S ?? N ?? (B && Buffer.from(B).toString('base64'));
}

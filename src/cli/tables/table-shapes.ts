/**
 * What the two tables have to be: keys, stream, expiry and guards, as data. From it tables are created and completed,
 * looked at by `doctor`, and written as CloudFormation. Nothing here calls AWS.
 */
import type { Tables } from '../context/locate.ts';

export interface TableShape {
  readonly role: keyof Tables;
  readonly partitionKey: string;
  readonly sortKey: string;
  readonly hasStream: boolean;
  /** Attribute by which items expire. */
  readonly expiry: string | undefined;
}

export const STREAM_VIEW = 'NEW_AND_OLD_IMAGES';

export const TABLE_SHAPES: readonly TableShape[] = [
  { role: 'desired', partitionKey: 'namespace', sortKey: 'name', hasStream: true, expiry: undefined },
  { role: 'state', partitionKey: 'namespace', sortKey: 'key', hasStream: false, expiry: 'expiresAt' },
];

/** The same as `completeTable` makes, guards included, as a CloudFormation template. */
export function cloudFormation(tables: Tables): Record<string, unknown> {
  const resources = TABLE_SHAPES.map((shape) => [logicalId(shape), resourceOf(shape, tables[shape.role])]);
  return {
    AWSTemplateFormatVersion: '2010-09-09',
    Description: 'The tables of LambdaContainer: what is desired, and what the controller knows.',
    Resources: Object.fromEntries(resources),
    Outputs: {
      DesiredTable: { Value: { Ref: 'DesiredTable' } },
      DesiredTableArn: { Value: { 'Fn::GetAtt': ['DesiredTable', 'Arn'] } },
      DesiredStreamArn: { Value: { 'Fn::GetAtt': ['DesiredTable', 'StreamArn'] } },
      StateTable: { Value: { Ref: 'StateTable' } },
      StateTableArn: { Value: { 'Fn::GetAtt': ['StateTable', 'Arn'] } },
    },
  };
}

function logicalId({ role }: TableShape): string {
  return role === 'desired' ? 'DesiredTable' : 'StateTable';
}

function resourceOf(shape: TableShape, name: string): Record<string, unknown> {
  return {
    Type: 'AWS::DynamoDB::Table',
    // A stack that is deleted must not take along what everything is deleted by.
    DeletionPolicy: 'Retain',
    UpdateReplacePolicy: 'Retain',
    Properties: {
      TableName: name,
      ...keysOf(shape),
      BillingMode: 'PAY_PER_REQUEST',
      ...(shape.hasStream ? { StreamSpecification: { StreamViewType: STREAM_VIEW } } : {}),
      ...(shape.expiry ? { TimeToLiveSpecification: { AttributeName: shape.expiry, Enabled: true } } : {}),
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      DeletionProtectionEnabled: true,
    },
  };
}

/** Keys and their types as both APIs write them. */
export function keysOf({ partitionKey, sortKey }: TableShape) {
  return {
    AttributeDefinitions: [
      { AttributeName: partitionKey, AttributeType: 'S' as const },
      { AttributeName: sortKey, AttributeType: 'S' as const },
    ],
    KeySchema: [
      { AttributeName: partitionKey, KeyType: 'HASH' as const },
      { AttributeName: sortKey, KeyType: 'RANGE' as const },
    ],
  };
}

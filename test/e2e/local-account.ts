/** What the tests of the main job say to their local cloud beside its records: functions, the class, conditions. */
import { zipSync } from 'fflate';
import { fromItem, toItem } from '../../src/aws/index.ts';
import type { LocalRun } from './local-run.ts';

/** The role of the example functions. */
export const ROLE = 'arn:aws:iam::000000000000:role/lambdacontainer-example-function';

/** A function that answers `body`. */
export function code(body: string): Uint8Array {
  return source(`export const handler = async () => ({ statusCode: 200, body: ${JSON.stringify(body)} });`);
}

export function source(text: string): Uint8Array {
  return zipSync({ 'index.mjs': Buffer.from(text) });
}

export async function createFunction(run: LocalRun, FunctionName: string, ZipFile: Uint8Array): Promise<void> {
  await run.aws.lambda.createFunction({
    FunctionName,
    Role: ROLE,
    Runtime: 'nodejs22.x',
    Handler: 'index.handler',
    Code: { ZipFile },
  });
}

export async function conditionOf(run: LocalRun, name: string, type: string) {
  return (await run.status(name))?.conditions.find((condition) => condition.type === type);
}

/** Of the class `standard`. */
export async function classSpec(run: LocalRun): Promise<Record<string, unknown>> {
  const { Item } = await run.aws.dynamodb.getItem({
    TableName: run.local.tables.desired,
    Key: { namespace: { S: '_system' }, name: { S: 'class/standard' } },
  });
  return fromItem(Item ?? {}).spec as Record<string, unknown>;
}

export async function putClass(run: LocalRun, name: string, spec: object): Promise<void> {
  await run.aws.dynamodb.putItem({
    TableName: run.local.tables.desired,
    Item: toItem({ namespace: '_system', name: `class/${name}`, kind: 'LambdaContainerClass', spec }),
  });
}

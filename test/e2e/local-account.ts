/** What the tests of the main job say to their local cloud beside its records: functions, the class, conditions. */
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { zipSync } from 'fflate';
import { fromItem, toItem } from '../../src/aws/index.ts';
import type { LocalRun } from './local-run.ts';

/** The role of the example functions. */
export const ROLE = 'arn:aws:iam::000000000000:role/lambdacontainer-example-function';

/** A function that answers `body`. */
export function code(body: string): Uint8Array {
  return source(`export const handler = async () => ({ statusCode: 200, body: ${JSON.stringify(body)} });`);
}

/** The same, if the variable is set to what has this SHA-256; its value is told to nobody. */
export function codeThatKnows(body: string, variable: string, sha256: string): Uint8Array {
  return source(`import { createHash } from 'node:crypto';
const known = createHash('sha256').update(process.env[${JSON.stringify(variable)}] ?? '').digest('hex');
const body = known === ${JSON.stringify(sha256)} ? ${JSON.stringify(body)} : 'another secret';
export const handler = async () => ({ statusCode: 200, body });`);
}

export function source(text: string): Uint8Array {
  return zipSync({ 'index.mjs': Buffer.from(text) });
}

export async function createFunction(
  run: LocalRun,
  FunctionName: string,
  ZipFile: Uint8Array,
  variables: Record<string, string> = {},
): Promise<void> {
  await run.aws.lambda.createFunction({
    Environment: { Variables: variables },
    FunctionName,
    Role: ROLE,
    Runtime: 'nodejs22.x',
    Handler: 'index.handler',
    Code: { ZipFile },
  });
}

/** A secret that the local account's execution role may read; its ARN. */
export async function createSecret(run: LocalRun, name: string, SecretString: string): Promise<string> {
  const client = new SecretsManagerClient({
    region: 'us-east-1',
    endpoint: run.local.awsEndpoint,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  });
  try {
    const { ARN = '' } = await client.send(
      new CreateSecretCommand({ Name: `lambdacontainer/tasks/${name}`, SecretString }),
    );
    return ARN;
  } finally {
    client.destroy();
  }
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

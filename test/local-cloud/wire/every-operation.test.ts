/**
 * Every operation and every error of the services, sent through the unmodified SDK: what the machine sees and what
 * the caller gets must be what was given, and so through the direct ports.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSdkPorts, OPERATIONS, type Ports, type RegistryPort } from '../../../src/aws/index.ts';
import { isFailure } from '../../../src/core/index.ts';
import { AwsError } from '../../../src/local-cloud/contract.ts';
import { createDirectPorts } from '../../../src/local-cloud/direct-ports.ts';
import { CATALOG } from '../../../src/local-cloud/wire/catalog.ts';
import { serveWire } from '../../../src/local-cloud/wire/index.ts';
import { type Clients, sdkClients } from './clients.ts';
import { echoCloud } from './echo-cloud.ts';
import { sampleOf } from './samples.ts';

const registry: RegistryPort = { resolveDigest: () => Promise.reject(new Error('not asked in this test')) };
const echo = echoCloud();
const faults: unknown[] = [];
let server: Awaited<ReturnType<typeof serveWire>>;
let clients: Clients;

beforeAll(async () => {
  server = await serveWire({ cloud: echo.cloud, host: '127.0.0.1', port: 0, onFault: (error) => faults.push(error) });
  clients = sdkClients(server.port);
});
afterAll(async () => {
  clients.close();
  await server.close();
});

interface ServiceException extends Error {
  readonly $fault: string;
  readonly $metadata: { readonly httpStatusCode: number };
}

/** As plain data: bytes and dates by value, whatever class carries them. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return `bytes:${Buffer.from(value).toString('hex')}`;
  if (value instanceof Date) return `date:${value.toISOString()}`;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, member]) => key !== '$metadata' && member !== undefined)
      .map(([key, member]) => [key, plain(member)]),
  );
}

/** S3's client reads meaning into nearly every member, so that samples without meaning do not pass it: test/local-cloud/s3. */
const SAMPLED = [...CATALOG.values()].filter(({ protocol }) => protocol !== 'rest-xml');

describe.each(SAMPLED)('$id over the wire', (entry) => {
  it('carries every input and output unchanged', async () => {
    for (const operation of entry.operations.values()) {
      if (operation.streams()) continue;
      const input = sampleOf(operation.input());
      const output = sampleOf(operation.output());
      echo.seen.length = 0;
      echo.answer = () => output;
      const answered = await clients.send(entry.id, operation.name, input);
      expect(plain(echo.seen), operation.name).toEqual([
        { service: entry.id, operation: operation.name, input: plain(input) },
      ]);
      expect(plain(answered), operation.name).toEqual(plain(output));
    }
    expect(faults).toEqual([]);
  });

  it('carries every modelled error with its name, message, status and members', async () => {
    const operation = [...entry.operations.values()].find((one) => !one.streams());
    if (!operation) throw new Error('no operation');
    for (const [code, { name, structure, status, server: atServer }] of entry.errors) {
      const { Message: _, message: __, ...members } = sampleOf(structure) as Record<string, unknown>;
      echo.answer = () => {
        throw new AwsError(code, `about ${code}`, 400, members);
      };
      const thrown = await clients
        .send(entry.id, operation.name, sampleOf(operation.input()))
        .catch((error: unknown) => error);
      const { name: thrownName, message, $fault, $metadata } = thrown as ServiceException;
      expect({ name: thrownName, message, $fault, status: $metadata.httpStatusCode }, code).toEqual({
        name,
        message: `about ${code}`,
        $fault: atServer ? 'server' : 'client',
        status: status ?? (atServer ? 500 : 400),
      });
      const given = Object.keys(members).map((member) => [member, (thrown as Record<string, unknown>)[member]]);
      expect(plain(Object.fromEntries(given)), code).toEqual(plain(members));
    }
  });
});

describe('the direct ports', () => {
  const ports = createDirectPorts(echo.cloud, registry);
  const cases = Object.entries(OPERATIONS).flatMap(([service, methods]) =>
    (SAMPLED.some(({ id }) => id === service) ? Object.keys(methods) : []).map((method) => ({
      service: service as keyof typeof OPERATIONS,
      method,
    })),
  );

  it.each(cases)('agrees with the wire on $service $method', async ({ service, method }) => {
    const call = (ports[service] as unknown as Record<string, (input: unknown) => Promise<object>>)[method];
    if (!call) throw new Error('no such method');
    const name = method.charAt(0).toUpperCase() + method.slice(1);
    const operation = CATALOG.get(service)?.operations.get(name);
    if (!operation) throw new Error('no such operation');
    const input = sampleOf(operation.input()) as object;
    const output = sampleOf(operation.output());

    echo.answer = () => ({ ...(output as object), NotInTheModel: 1 });
    echo.seen.length = 0;
    const direct = await call({ ...input, NotInTheModel: 1 });
    const wired = await clients.send(service, name, { ...input, NotInTheModel: 1 });
    expect(plain(echo.seen[0])).toEqual(plain(echo.seen[1]));
    expect(plain(direct)).toEqual(plain(wired));
    expect(Object.keys(direct)).toContain('$metadata');
  });

  const failures = [
    {
      service: 'elbv2',
      method: 'describeRules',
      code: 'RuleNotFound',
      status: 400,
      kind: 'notFound',
      reason: 'the SDK renames the code',
    },
    {
      service: 'ecs',
      method: 'describeServices',
      code: 'ClusterNotFoundException',
      status: 400,
      kind: 'notFound',
      reason: 'modelled',
    },
    {
      service: 'lambda',
      method: 'getFunction',
      code: 'ResourceNotFoundException',
      status: 400,
      kind: 'notFound',
      reason: 'the model has the status',
    },
    {
      service: 'lambda',
      method: 'getFunction',
      code: 'TooManyRequestsException',
      status: 429,
      kind: 'throttled',
      reason: 'throttled',
    },
    { service: 'iam', method: 'getRole', code: 'NoSuchEntity', status: 404, kind: 'notFound', reason: 'XML' },
    {
      service: 'dynamodb',
      method: 'getItem',
      code: 'ValidationException',
      status: 400,
      kind: 'invalid',
      reason: 'not modelled, JSON',
    },
    {
      service: 'elbv2',
      method: 'describeRules',
      code: 'ValidationError',
      status: 400,
      kind: 'invalid',
      reason: 'not modelled, XML',
    },
    {
      service: 'lambda',
      method: 'getFunction',
      code: 'ValidationException',
      status: 400,
      kind: 'invalid',
      reason: 'not modelled, REST',
    },
    {
      service: 'ecs',
      method: 'listTasks',
      code: 'ThrottlingException',
      status: 400,
      kind: 'throttled',
      reason: 'not modelled, common',
    },
    {
      service: 'ecr',
      method: 'describeImages',
      code: 'ServiceUnavailable',
      status: 503,
      kind: 'transient',
      reason: 'by its status',
    },
    {
      service: 'codebuild',
      method: 'startBuild',
      code: 'AccessDeniedException',
      status: 400,
      kind: 'denied',
      reason: 'denied',
    },
  ] as const;

  it.each(failures)(
    'fails as the wire does: $service $code, $reason',
    async ({ service, method, code, status, kind }) => {
      const { ports: wired, close } = createSdkPorts(
        {
          region: 'us-east-1',
          endpoint: `http://127.0.0.1:${server.port}`,
          credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
        },
        registry,
      );
      echo.answer = () => {
        throw new AwsError(code, 'the reason', status);
      };
      const operation = CATALOG.get(service)?.operations.get(method.charAt(0).toUpperCase() + method.slice(1));
      const input = operation && sampleOf(operation.input());
      const [one, other] = await Promise.all(
        [ports, wired].map((both) =>
          (both[service] as unknown as Record<string, (input: unknown) => Promise<unknown>>)
            [method]?.(input)
            .catch((error: unknown) => error),
        ),
      );
      close();
      const shown = (failure: unknown) => {
        if (!isFailure(failure)) throw new Error(`not a Failure: ${String(failure)}`);
        const { requestId, cause, ...rest } = failure;
        return {
          ...rest,
          message: failure.message,
          status: (cause as ServiceException).$metadata.httpStatusCode,
          fault: (cause as ServiceException).$fault,
        };
      };
      expect(shown(one)).toEqual(shown(other));
      expect(one).toMatchObject({ kind, message: 'the reason' });
    },
  );

  it('copies: what the caller or the machine changes later does not reach the other', async () => {
    const stored = { Item: { key: { B: new Uint8Array([1]) } } };
    echo.answer = () => stored;
    const Key = { key: { B: new Uint8Array([9]) } };
    const answered = await ports.dynamodb.getItem({ TableName: 't', Key });
    const seen = echo.seen.at(-1)?.input as { Key: typeof Key };
    Key.key.B[0] = 8;
    expect(seen.Key.key.B[0]).toBe(9);
    const bytes = answered.Item?.key?.B;
    if (bytes) bytes[0] = 7;
    expect(stored.Item.key.B[0]).toBe(1);
  });

  it('lets go of a caller who aborts while the service works', async () => {
    const abort = new AbortController();
    const never = createDirectPorts(
      { requestId: () => 'id', callAsync: () => new Promise(() => queueMicrotask(() => abort.abort())) },
      registry,
    );
    const failure = await never.ecs.listTasks({}, { signal: abort.signal }).catch((error: unknown) => error);
    expect(isFailure(failure, 'transient')).toBe(true);
    expect(failure).toMatchObject({ code: 'AbortError', message: 'Request aborted' });
  });

  it('answers in a later turn, even an error', async () => {
    echo.answer = () => ({});
    const order: string[] = [];
    const call = ports.ecs
      .describeServices({} as Parameters<Ports['ecs']['describeServices']>[0])
      .catch((error: unknown) => {
        order.push('answered');
        return error;
      });
    order.push('called');
    const failure = await call;
    expect(order).toEqual(['called', 'answered']);
    expect(isFailure(failure, 'invalid')).toBe(true);
    expect(failure).toMatchObject({ code: 'InvalidParameterException', service: 'ecs', operation: 'describeServices' });
  });
});

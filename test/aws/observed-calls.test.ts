/** What is seen of each call over the SDK: whom it was for, AWS's request id, its outcome and its span. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSdkPorts, layered, type ObservedCall, Pacing } from '../../src/aws/index.ts';
import { type Attributes, type Span, VirtualClock } from '../../src/core/index.ts';

interface Recorded {
  readonly name: string;
  readonly children: Recorded[];
  attributes: Attributes;
  ended?: string | 'ok';
}

function recording(name: string, attributes: Attributes = {}): Span & { readonly recorded: Recorded } {
  const recorded: Recorded = { name, attributes, children: [] };
  return {
    recorded,
    child: (childName, childAttributes) => {
      const child = recording(childName, childAttributes);
      recorded.children.push(child.recorded);
      return child;
    },
    set: (more) => {
      recorded.attributes = { ...recorded.attributes, ...more };
    },
    end: (error) => {
      recorded.ended = error ?? 'ok';
    },
  };
}

let server: Server;
let endpoint: string;

beforeAll(async () => {
  server = createServer((request, response) => {
    request.resume();
    const isWrite = String(request.headers['x-amz-target']).endsWith('PutItem');
    response
      .writeHead(isWrite ? 400 : 200, {
        'content-type': 'application/x-amz-json-1.0',
        'x-amzn-requestid': isWrite ? 'REQUEST-2' : 'REQUEST-1',
      })
      .end(
        isWrite ? JSON.stringify({ __type: 'x#ProvisionedThroughputExceededException', message: 'slow down' }) : '{}',
      );
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((closed) => server.close(closed));
});

function connected(observe?: (call: ObservedCall) => void) {
  const credentials = { accessKeyId: 'x', secretAccessKey: 'y' };
  const registry = { resolveDigest: () => Promise.reject(new Error('not here')) };
  return createSdkPorts({ region: 'eu-west-1', endpoint, credentials, observe }, registry);
}

describe('a call over the SDK', () => {
  it('is told with its pass and request id, whether it went well, and whether it changes something', async () => {
    const seen: ObservedCall[] = [];
    const { ports, close } = connected((call) => seen.push(call));
    const cause = { key: 'shop/checkout', pass: 7, generation: 2 };
    await ports.dynamodb.getItem({ TableName: 't', Key: {} }, { cause });
    await ports.dynamodb.putItem({ TableName: 't', Item: {} }, { cause, fence: () => {} }).catch(() => {});
    await ports.dynamodb.getItem({ TableName: 't', Key: {} });
    close();
    expect(seen).toEqual([
      {
        service: 'dynamodb',
        operation: 'getItem',
        outcome: 'ok',
        requestId: 'REQUEST-1',
        tookMs: expect.any(Number),
        changes: false,
        cause,
      },
      {
        service: 'dynamodb',
        operation: 'putItem',
        outcome: 'error',
        kind: 'throttled',
        code: 'ProvisionedThroughputExceededException',
        requestId: 'REQUEST-2',
        tookMs: expect.any(Number),
        changes: true,
        cause,
      },
      expect.objectContaining({ cause: undefined, changes: false }),
    ]);
  });

  it('is a span of its pass, with service, operation and request id; what failed says by which code', async () => {
    const { ports, close } = connected();
    const span = recording('execute');
    const cause = { key: 'shop/checkout', pass: 7, span };
    await ports.dynamodb.getItem({ TableName: 't', Key: {} }, { cause });
    await ports.dynamodb.putItem({ TableName: 't', Item: {} }, { cause }).catch(() => {});
    close();
    const attributes = (operation: string, id: string) => ({
      'rpc.system': 'aws-api',
      'rpc.service': 'dynamodb',
      'rpc.method': operation,
      'aws.request_id': id,
    });
    expect(span.recorded.children).toMatchObject([
      { name: 'dynamodb.getItem', attributes: attributes('getItem', 'REQUEST-1'), ended: 'ok' },
      {
        name: 'dynamodb.putItem',
        attributes: attributes('putItem', 'REQUEST-2'),
        ended: 'ProvisionedThroughputExceededException',
      },
    ]);
  });
});

describe('a call that waits for a rate limit', () => {
  it('shows the wait as a span of its own', async () => {
    const clock = new VirtualClock();
    const answers = { ecs: { registerTaskDefinition: async () => ({}) } };
    const ports = layered(answers as never, new Pacing({ clock, scale: 0.01 }).layer);
    const span = recording('execute');
    const call = { cause: { key: 'shop/checkout', pass: 1, span } };
    let done = 0;
    for (let i = 0; i < 2; i++) void ports.ecs.registerTaskDefinition({} as never, call).then(() => done++);
    await clock.run(() => done === 2, 600_000);
    expect(span.recorded.children).toMatchObject([{ name: 'aws.rate_wait', ended: 'ok' }]);
  });
});

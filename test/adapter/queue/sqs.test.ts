/**
 * SQS as it is spoken over the wire: signatures against AWS's own implementation, credentials as a container finds them, the
 * calls against moto (`pip install 'moto[server]'`), and what a service in trouble says.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash, createHmac } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { SignatureV4 } from '@smithy/signature-v4';
import { describe, expect, onTestFinished, test } from 'vitest';
import { TaskCredentials } from '../../../src/adapter/queue/credentials.ts';
import { QueueError } from '../../../src/adapter/queue/queue.ts';
import { signed } from '../../../src/adapter/queue/signature.ts';
import { Sqs } from '../../../src/adapter/queue/sqs.ts';
import { sqsEvent } from '../../../src/adapter/queue/sqs-event.ts';
import { systemClock, VirtualClock } from '../../../src/core/index.ts';
import { codeFolder } from '../support.ts';

const KEYS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };

class Sha256 {
  readonly #secret: string | Uint8Array | undefined;
  #text = '';
  constructor(secret?: string | Uint8Array) {
    this.#secret = secret;
  }
  update(data: string | Uint8Array): void {
    this.#text += typeof data === 'string' ? data : Buffer.from(data).toString('utf8');
  }
  async digest(): Promise<Uint8Array> {
    const hash = this.#secret === undefined ? createHash('sha256') : createHmac('sha256', this.#secret);
    return hash.update(this.#text).digest();
  }
  reset(): void {
    this.#text = '';
  }
}

describe('the signature', () => {
  const requests = [
    { reason: 'of a call', url: 'https://sqs.us-east-1.amazonaws.com/', body: '{"QueueUrl":"x"}' },
    { reason: 'with a token', url: 'https://sqs.us-east-1.amazonaws.com/', body: '{}', sessionToken: 'tok/en+=' },
    { reason: 'with a port and a query', url: 'http://127.0.0.1:4566/000000000000/work?b=2&a=1%20x', body: 'ü' },
  ];
  test.each(requests)('$reason is AWS’s', async ({ url, body, sessionToken }) => {
    const nowMs = Date.UTC(2015, 7, 30, 12, 36, 0);
    const headers = { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': 'AmazonSQS.ReceiveMessage' };
    const credentials = { ...KEYS, ...(sessionToken === undefined ? {} : { sessionToken }) };
    const own = signed({ method: 'POST', url, headers, body }, credentials, {
      region: 'us-east-1',
      service: 'sqs',
      nowMs,
    });
    const { protocol, hostname, port, pathname, searchParams, host } = new URL(url);
    const signer = new SignatureV4({
      ...{ credentials, region: 'us-east-1', service: 'sqs', applyChecksum: false },
      sha256: Sha256 as never,
    });
    const theirs = await signer.sign(
      {
        ...{ method: 'POST', protocol, hostname, path: pathname, body, query: Object.fromEntries(searchParams) },
        ...(port === '' ? {} : { port: Number(port) }),
        headers: { ...headers, host },
      },
      { signingDate: new Date(nowMs) },
    );
    expect(own['x-amz-date']).toBe('20150830T123600Z');
    expect(own.authorization).toBe(theirs.headers.authorization);
  });
});

describe('credentials', () => {
  async function agent(answer: (headers: IncomingHttpHeaders) => { status: number; body: object }) {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(`${request.url} ${request.headers.authorization ?? ''}`);
      const { status, body } = answer(request.headers);
      response.writeHead(status).end(JSON.stringify(body));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    return { asked, url: `http://127.0.0.1:${(server.address() as { port: number }).port}/v2/credentials/x` };
  }

  test('of the environment', async () => {
    const env = { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b', AWS_SESSION_TOKEN: 'c' };
    const expected = { accessKeyId: 'a', secretAccessKey: 'b', sessionToken: 'c' };
    expect(await new TaskCredentials(env, systemClock).current()).toEqual(expected);
  });

  test('of the container are kept until shortly before they end, and asked for once at a time', async () => {
    const clock = new VirtualClock();
    let turn = 0;
    const { asked, url } = await agent(() => {
      const Expiration = new Date(clock.now() + 3_600_000).toISOString();
      return { status: 200, body: { AccessKeyId: `a${++turn}`, SecretAccessKey: 'b', Token: 'c', Expiration } };
    });
    const credentials = new TaskCredentials({ AWS_CONTAINER_CREDENTIALS_FULL_URI: url }, clock);
    const [first, second] = await Promise.all([credentials.current(), credentials.current()]);
    expect([first.accessKeyId, second.accessKeyId, asked.length]).toEqual(['a1', 'a1', 1]);
    clock.after(54 * 60_000, () => {});
    clock.step();
    expect((await credentials.current()).accessKeyId).toBe('a1');
    clock.after(2 * 60_000, () => {});
    clock.step();
    expect((await credentials.current()).accessKeyId).toBe('a2');
  });

  test('are asked for with the container’s token, which is read each time', async () => {
    const { asked, url } = await agent(() => ({
      status: 200,
      body: { AccessKeyId: 'a', SecretAccessKey: 'b', Expiration: '2000-01-01T00:00:00Z' },
    }));
    const file = join(codeFolder({ token: 'one\n' }), 'token');
    const env = { AWS_CONTAINER_CREDENTIALS_FULL_URI: url, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: file };
    const credentials = new TaskCredentials(env, systemClock);
    await credentials.current();
    writeFileSync(file, 'two');
    await credentials.current();
    expect(asked.map((line) => line.split(' ')[1])).toEqual(['one', 'two']);
  });

  test('that cannot be had are an error each time, and asked for again', async () => {
    let status = 500;
    const { url } = await agent(() => ({
      status,
      body: status === 200 ? { AccessKeyId: 'a', SecretAccessKey: 'b' } : {},
    }));
    const credentials = new TaskCredentials({ AWS_CONTAINER_CREDENTIALS_FULL_URI: url }, systemClock);
    await expect(credentials.current()).rejects.toThrow('were answered 500');
    status = 200;
    expect((await credentials.current()).accessKeyId).toBe('a');
  });

  test.each([
    ['none at all', {}, /none of AWS_ACCESS_KEY_ID/],
    ['an address elsewhere', { AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://example.com/x' }, /neither https nor/],
    ['no address', { AWS_CONTAINER_CREDENTIALS_FULL_URI: 'here' }, /neither https nor/],
  ])('refused: %s', (_reason, env, says) => {
    expect(() => new TaskCredentials(env, systemClock)).toThrow(says);
  });
});

describe('a service in trouble', () => {
  const cases: { reason: string; status: number; body: string; code: string; transient: boolean }[] = [
    {
      reason: 'no such queue',
      status: 400,
      body: '{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"The specified queue does not exist."}',
      code: 'QueueDoesNotExist',
      transient: false,
    },
    {
      reason: 'throttled',
      status: 400,
      body: '{"__type":"com.amazonaws.sqs#RequestThrottled","message":"slow down"}',
      code: 'RequestThrottled',
      transient: true,
    },
    { reason: 'a proxy', status: 502, body: '<html>Bad Gateway</html>', code: 'HTTP 502', transient: true },
    {
      reason: 'a role without the permission',
      status: 403,
      body: '{"__type":"com.amazon.coral.service#AccessDeniedException","Message":"not authorized"}',
      code: 'AccessDeniedException',
      transient: false,
    },
  ];
  const queueAt = (queueUrl: string) =>
    new Sqs({ queueUrl, region: 'us-east-1', credentials: async () => KEYS, clock: systemClock });

  test.each(cases)('$reason', async ({ status, body, code, transient }) => {
    const server = createServer((_request, response) => response.writeHead(status).end(body)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const queue = queueAt(`http://127.0.0.1:${(server.address() as { port: number }).port}/000000000000/work`);
    const error = await queue.facts().catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(QueueError);
    expect(error).toMatchObject({ code, transient });
  });

  test('nobody there', async () => {
    await expect(queueAt('http://127.0.0.1:1/000000000000/work').facts()).rejects.toMatchObject({
      code: 'ECONNREFUSED',
      transient: true,
    });
  });

  test('no credentials', async () => {
    const queue = new Sqs({
      ...{ queueUrl: 'http://127.0.0.1:1/0/work', region: 'us-east-1', clock: systemClock },
      credentials: () => Promise.reject(new Error('the agent is away')),
    });
    await expect(queue.facts()).rejects.toMatchObject({ transient: true, message: /the agent is away/ });
  });
});

test('the event is the one of AWS’s documentation', () => {
  const event = sqsEvent(
    [
      {
        messageId: '059f36b4-87a3-44ab-83d2-661975830a7d',
        receiptHandle: 'AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a...',
        body: 'Test message.',
        md5OfBody: 'e4e68fb7bd0e697a0ae8f1bb342846b3',
        attributes: { ApproximateReceiveCount: '1', SentTimestamp: '1545082649183' },
        messageAttributes: { myAttribute: { dataType: 'String', stringValue: 'myValue' } },
      },
    ],
    { arn: 'arn:aws:sqs:us-east-2:123456789012:my-queue', visibilitySec: 30, fifo: false },
  );
  expect(JSON.parse(event.toString())).toEqual({
    Records: [
      {
        messageId: '059f36b4-87a3-44ab-83d2-661975830a7d',
        receiptHandle: 'AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a...',
        body: 'Test message.',
        attributes: { ApproximateReceiveCount: '1', SentTimestamp: '1545082649183' },
        messageAttributes: {
          myAttribute: { stringValue: 'myValue', stringListValues: [], binaryListValues: [], dataType: 'String' },
        },
        md5OfBody: 'e4e68fb7bd0e697a0ae8f1bb342846b3',
        eventSource: 'aws:sqs',
        eventSourceARN: 'arn:aws:sqs:us-east-2:123456789012:my-queue',
        awsRegion: 'us-east-2',
      },
    ],
  });
});

/** CI has it, or fails. */
const hasMoto = process.env.CI === 'true' || spawnSync('moto_server', ['--help'], { stdio: 'ignore' }).status === 0;

describe.skipIf(!hasMoto)('against moto', () => {
  async function moto() {
    const server: ChildProcess = spawn('moto_server', ['-H', '127.0.0.1', '-p', '0'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    onTestFinished(async () => {
      const closed = once(server, 'close');
      server.kill('SIGKILL');
      await closed;
    });
    let text = '';
    const endpoint = await new Promise<string>((resolve, reject) => {
      server.stderr?.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        const url = /Running on (http:\/\/127\.0\.0\.1:\d+)/.exec(text)?.[1];
        if (url) resolve(url);
      });
      server.once('exit', () => reject(new Error(`moto_server ended: ${text}`)));
    });
    const ask = async (operation: string, input: object): Promise<Record<string, unknown>> => {
      const headers = { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': `AmazonSQS.${operation}` };
      const body = JSON.stringify(input);
      const scope = { region: 'us-east-1', service: 'sqs', nowMs: Date.now() };
      const url = `${endpoint}/`;
      const { host: _host, ...rest } = signed({ method: 'POST', url, headers, body }, KEYS, scope);
      return (await (await fetch(url, { method: 'POST', headers: rest, body })).json()) as Record<string, unknown>;
    };
    const made = await ask('CreateQueue', { QueueName: 'work', Attributes: { VisibilityTimeout: '40' } });
    const queueUrl = String(made.QueueUrl);
    const queue = new Sqs({
      queueUrl,
      region: 'us-east-1',
      endpoint,
      credentials: async () => KEYS,
      clock: systemClock,
    });
    return { queue, ask, queueUrl };
  }

  test('messages are received with their attributes, hidden, given back and deleted', async () => {
    const { queue, ask, queueUrl } = await moto();
    expect(await queue.facts()).toEqual({
      arn: 'arn:aws:sqs:us-east-1:123456789012:work',
      visibilitySec: 40,
      fifo: false,
    });
    for (let n = 0; n < 12; n++) {
      await ask('SendMessage', {
        QueueUrl: queueUrl,
        MessageBody: `ü${n}`,
        MessageAttributes: { kind: { DataType: 'String', StringValue: 'test' } },
      });
    }
    const first = await queue.receive(10, 1);
    const second = await queue.receive(10, 1);
    expect([first.length, second.length]).toEqual([10, 2]);
    expect(first[0]).toMatchObject({
      body: 'ü0',
      attributes: { ApproximateReceiveCount: '1', SentTimestamp: expect.any(String) },
      messageAttributes: { kind: { dataType: 'String', stringValue: 'test' } },
      md5OfBody: createHash('md5').update('ü0').digest('hex'),
    });
    const handles = [...first, ...second].map(({ receiptHandle }) => receiptHandle);
    expect(await queue.hide(handles, 60)).toEqual(new Map());
    expect(await queue.hide(handles.slice(10), 0)).toEqual(new Map());
    const again = await queue.receive(10, 1);
    expect(again.map(({ body }) => body)).toEqual(second.map(({ body }) => body));
    expect(await queue.remove([...handles.slice(0, 10), ...again.map(({ receiptHandle }) => receiptHandle)])).toEqual(
      new Map(),
    );
    expect(await queue.receive(10, 0)).toEqual([]);
    const failed = await queue.remove(['nonsense']).catch((error: unknown) => error);
    if (failed instanceof Map) expect([...failed.keys()]).toEqual(['nonsense']);
    else expect(failed).toBeInstanceOf(QueueError);
  }, 60_000);
});

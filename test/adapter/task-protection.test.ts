/** Scale-in protection against a stand-in for the ECS agent, which answers as AWS documents. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import { PROTECT_AFTER_MS, TaskProtection } from '../../src/adapter/task-protection.ts';
import { type Logger, VirtualClock } from '../../src/core/index.ts';

type Reply = (wanted: { ProtectionEnabled: boolean; ExpiresInMinutes?: number }) => { status: number; body: unknown };

const GRANTED: Reply = ({ ProtectionEnabled }) => ({
  status: 200,
  body: { protection: { ProtectionEnabled, TaskArn: 'arn:aws:ecs:us-east-1:000000000000:task/c/1' } },
});

async function watched(reply: Reply = GRANTED) {
  const asked: unknown[] = [];
  const agent = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const wanted = JSON.parse(Buffer.concat(chunks).toString());
      asked.push([request.method, request.url, wanted]);
      const { status, body } = reply(wanted);
      response.writeHead(status).end(JSON.stringify(body));
    });
  }).listen(0, '127.0.0.1');
  await once(agent, 'listening');
  onTestFinished(() => void agent.close());
  const { port } = agent.address() as { port: number };
  const clock = new VirtualClock();
  const lines: string[] = [];
  let said = () => {};
  const log = (fields: object, message: string) => {
    lines.push(`${message} ${JSON.stringify(fields)}`);
    said();
  };
  const logger: Logger = { debug: log, info: log, warn: log, error: log, child: () => logger };
  const busy: { ms: number | undefined } = { ms: undefined };
  const agentUri = `http://127.0.0.1:${port}/api/1`;
  const protection = new TaskProtection({ clock, logger, agentUri, busyMs: () => busy.ms });
  onTestFinished(() => protection.stop());
  protection.start();
  /** Lets time pass until the adapter has looked so many times; the agent's answer arms the next look. */
  const looks = async (count: number) => {
    for (let i = 0; i < count; i++) {
      clock.step();
      while (clock.nextAtMs() === undefined) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const says = (text: string) =>
    new Promise<void>((resolve) => {
      said = () => lines.some((line) => line.includes(text)) && resolve();
      said();
    });
  return { asked, busy, looks, says, lines, clock, protection };
}

const ON = ['PUT', '/api/1/task-protection/v1/state', { ProtectionEnabled: true, ExpiresInMinutes: 60 }];
const OFF = ['PUT', '/api/1/task-protection/v1/state', { ProtectionEnabled: false }];

test('short work is not worth it, long work is, and it ends with the work', async () => {
  const { asked, busy, looks, says } = await watched();
  busy.ms = PROTECT_AFTER_MS;
  await looks(6);
  expect(asked).toEqual([]);
  busy.ms = PROTECT_AFTER_MS + 1;
  await looks(6);
  expect(asked).toEqual([ON]);
  await says('task is protected');
  busy.ms = undefined;
  await looks(6);
  expect(asked).toEqual([ON, OFF]);
  await says('task is not protected');
});

test('work of hours keeps it', async () => {
  const { asked, busy, looks, lines, clock } = await watched();
  busy.ms = 3_600_000;
  const startMs = clock.now();
  await looks(720);
  expect(clock.now() - startMs).toBe(2 * 3_600_000);
  expect(asked).toEqual([ON, ON, ON, ON]);
  expect(lines).toEqual(['task is protected {}']);
});

const refusals: { reason: string; reply: Reply; says: string }[] = [
  {
    reason: 'a role without the permission',
    reply: () => ({ status: 400, body: { error: { Code: 'AccessDeniedException', Message: 'not authorized' } } }),
    says: 'AccessDeniedException: not authorized',
  },
  {
    reason: 'a task that ECS cannot protect',
    reply: () => ({ status: 200, body: { failure: { Reason: 'TASK_NOT_VALID', Detail: 'not of a service' } } }),
    says: 'TASK_NOT_VALID: not of a service',
  },
  { reason: 'an agent in trouble', reply: () => ({ status: 500, body: {} }), says: 'the ECS agent answered 500' },
];
test.each(refusals)('refused for $reason: said, and asked again minutes later', async ({ reply, says }) => {
  const { asked, busy, looks, lines, clock } = await watched(reply);
  busy.ms = PROTECT_AFTER_MS + 1;
  await looks(1);
  expect(asked).toEqual([ON]);
  expect(lines).toEqual([`task protection could not be changed ${JSON.stringify({ error: says })}`]);
  expect((clock.nextAtMs() ?? 0) - clock.now()).toBe(5 * 60_000);
  await looks(1);
  expect(asked).toEqual([ON, ON]);
});

test('nothing is asked once it was stopped', async () => {
  const { asked, busy, protection, clock } = await watched();
  busy.ms = PROTECT_AFTER_MS + 1;
  protection.stop();
  expect(clock.nextAtMs()).toBeUndefined();
  expect(asked).toEqual([]);
});

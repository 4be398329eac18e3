/**
 * From the start of the daemon's process to its first call of AWS, which takes the lease: what a task that was replaced
 * costs before it can be of use. The program is the one that is shipped (`npm run build` first, or `BENCH_DIST`); AWS is a
 * socket that notes when the first request arrives and answers nothing. Beside it: a Node that does no more than connect.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Benchmark } from './harness.ts';
import { median } from './percentiles.ts';

const ROUNDS = process.env.BENCH_QUICK ? 3 : 15;

export const start: Benchmark = {
  name: 'start',
  async run() {
    const program = join(process.env.BENCH_DIST ?? 'dist', 'cli.mjs');
    if (!existsSync(program)) throw new Error(`${program} is not there: run npm run build first`);
    const ours: number[] = [];
    const bare: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      ours.push(await untilFirstCall((endpoint) => ({ args: [program, 'start'], endpoint })));
      bare.push(await untilFirstCall((endpoint) => ({ args: ['-e', `fetch('${endpoint}')`], endpoint })));
    }
    return [
      {
        what: 'start of the process to its first call of AWS, best',
        value: Math.min(...ours),
        unit: 'ms',
        baseline: { what: 'a Node that only calls', value: Math.min(...bare) },
        goal: { of: 'value', atMost: 500 },
      },
      {
        what: `the same, median of ${ROUNDS}`,
        value: median(ours),
        unit: 'ms',
        baseline: { what: 'a Node that only calls', value: median(bare) },
        note: 'the machine’s other work is in it; the best is the program’s own',
      },
    ];
  },
};

interface Launch {
  readonly args: readonly string[];
  readonly endpoint: string;
}

/** Ms from the spawn until the first request is there. @throws Error when the program ends without one */
async function untilFirstCall(launchAt: (endpoint: string) => Launch): Promise<number> {
  // Never answered: what follows the first call is not measured.
  const server = createServer();
  const called = once(server, 'request').then(() => performance.now());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { args, endpoint } = launchAt(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const startedMs = performance.now();
  const child = spawn(process.execPath, args, {
    env: {
      PATH: process.env.PATH,
      AWS_REGION: 'us-east-1',
      AWS_ENDPOINT_URL: endpoint,
      AWS_ACCESS_KEY_ID: 'bench',
      AWS_SECRET_ACCESS_KEY: 'bench',
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const ended = once(child, 'exit').then(() => undefined);
  try {
    const atMs = await Promise.race([called, ended]);
    if (atMs === undefined) throw new Error(`node ${args.join(' ')} ended before it called anybody`);
    return atMs - startedMs;
  } finally {
    child.kill('SIGKILL');
    await ended;
    server.closeAllConnections();
    server.close();
  }
}

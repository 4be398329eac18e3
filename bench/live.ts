/**
 * The shipped program on this machine's own clock: the local cloud and the daemon as two processes, SDK and wire between
 * them, a few small objects. Measured: from the write of a record to the first call of AWS that its pass makes, also after
 * the table was quiet for so long that the stream is polled less often; and from the receipt of AWS's event about
 * somebody's change to the call that puts it right. Times are those of the daemon's own log (`npm run build` first).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { zipSync } from 'fflate';
import { createSdkPorts, type Ports, toItem } from '../src/aws/index.ts';
import { parseDuration } from '../src/core/index.ts';
import { registryPort } from '../src/oci/index.ts';
import type { Benchmark, Measurement } from './harness.ts';
import { median, percentile } from './percentiles.ts';

const OBJECTS = process.env.BENCH_QUICK ? 5 : 20;
const HEALS_EACH = process.env.BENCH_QUICK ? 1 : 3;
/** After so long without a record the stream is polled less often. */
const QUIET_MS = 5 * 60_000 + 5_000;
const WRITES_AFTER_QUIET = 5;
const REGION = 'us-east-1';
const ROLE = 'arn:aws:iam::000000000000:role/lambdacontainer-example-function';

interface Line {
  readonly time: string;
  readonly msg: string;
  readonly key?: string;
  readonly service?: string;
  readonly operation?: string;
  readonly took?: string;
  readonly by?: string;
}

export const live: Benchmark = {
  name: 'live',
  async run() {
    const run = await Local.start();
    try {
      const writes = await specWrites(run);
      const heals = await changesByOthers(run);
      const measurements: Measurement[] = [
        {
          what: `spec write to its first call of AWS, p50 of ${writes.length}`,
          value: median(writes),
          unit: 'ms',
          goal: { of: 'value', atMost: 300 },
          note: `p99 ${Math.round(percentile(writes, 0.99))} ms; AWS’s own delay of its stream comes on top`,
        },
        {
          what: `event received to the healing call, p50 of ${heals.length}`,
          value: median(heals),
          unit: 'ms',
          goal: { of: 'value', atMost: 500 },
        },
        {
          what: 'the same, p99',
          value: percentile(heals, 0.99),
          unit: 'ms',
          goal: { of: 'value', atMost: 2_000 },
        },
      ];
      if (process.env.BENCH_QUICK) return measurements;
      await pause(QUIET_MS);
      const rare: number[] = [];
      // Each write ends the quiet: how long the poll that sees it had slept is what varies.
      for (let i = 0; i < WRITES_AFTER_QUIET; i++) {
        // Another spec than before: a record that is written as it stands is no change, and no stream tells of it.
        rare.push(await run.untilFirstCall(nameOf(i), spec(i, 2)));
        if (i < WRITES_AFTER_QUIET - 1) await pause(QUIET_MS);
      }
      measurements.push({
        what: `spec write after five quiet minutes, p50 of ${WRITES_AFTER_QUIET}`,
        value: median(rare),
        unit: 'ms',
        goal: { of: 'value', atMost: 300 },
      });
      return measurements;
    } finally {
      await run.stop();
    }
  },
};

/** New objects, and then changes of their specs, one after the other at no rhythm of the poll's. */
async function specWrites(run: Local): Promise<number[]> {
  const tookMs: number[] = [];
  for (const weight of [0, 1]) {
    for (let i = 0; i < OBJECTS; i++) {
      tookMs.push(await run.untilFirstCall(nameOf(i), spec(i, weight)));
      await pause(700 + ((i * 137) % 400));
    }
  }
  return tookMs;
}

/** Somebody takes the traffic of each object away, again and again. */
async function changesByOthers(run: Local): Promise<number[]> {
  const { ports } = run;
  const { LoadBalancers } = await ports.elbv2.describeLoadBalancers({});
  const { Listeners } = await ports.elbv2.describeListeners({ LoadBalancerArn: LoadBalancers?.[0]?.LoadBalancerArn });
  // What was done last settles, and its echoes pass.
  await pause(5_000);
  const { Rules = [] } = await ports.elbv2.describeRules({ ListenerArn: Listeners?.[0]?.ListenerArn });
  const rules = Rules.filter(({ Priority }) => Priority !== 'default');
  if (rules.length < OBJECTS) throw new Error(`${rules.length} of ${OBJECTS} objects have a rule`);
  const tookMs: number[] = [];
  for (let i = 0; i < HEALS_EACH * OBJECTS; i++) {
    const rule = rules[i % rules.length];
    const [path] = rule?.Conditions?.flatMap(({ PathPatternConfig }) => PathPatternConfig?.Values ?? []) ?? [];
    // The echo of an earlier heal may still be heard: what counts is the event of this object.
    const key = `bench/${path?.split('/')[1]}`;
    tookMs.push(
      await run.untilHealed(key, () =>
        ports.elbv2.modifyRule({
          RuleArn: rule?.RuleArn,
          Actions: [
            {
              Type: 'fixed-response',
              FixedResponseConfig: { StatusCode: '503', ContentType: 'text/plain', MessageBody: '' },
            },
          ],
        }),
      ),
    );
    await pause(900);
  }
  return tookMs;
}

function nameOf(i: number): string {
  return `app-${i}`;
}

function spec(i: number, version: number): object {
  return {
    source: { functionRef: { name: `app-${i}` } },
    placement: { mode: 'lambda' },
    traffic: { paths: [`/app-${i}/v${version}/*`] },
  };
}

/** `lambdacontainer local` in a folder of its own. */
class Local {
  readonly ports: Ports;
  readonly #folder: string;
  readonly #child: ChildProcess;
  readonly #close: () => void;
  readonly #table: string;

  constructor(folder: string, child: ChildProcess) {
    this.#folder = folder;
    this.#child = child;
    const { awsEndpoint, tables } = JSON.parse(readFileSync(join(folder, 'local.json'), 'utf8')) as {
      readonly awsEndpoint: string;
      readonly tables: { readonly desired: string };
    };
    this.#table = tables.desired;
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
    const { ports, close } = createSdkPorts({ region: REGION, endpoint: awsEndpoint, credentials }, registryPort());
    this.ports = ports;
    this.#close = close;
  }

  static async start(): Promise<Local> {
    const folder = mkdtempSync(join(tmpdir(), 'lambdacontainer-bench-'));
    const flags = ['--aws-port', '0', '--http-port', '0', '--data-dir', folder, '--example', 'none', '--resync', '1h'];
    const child = spawn(process.execPath, [join('bin', 'lambdacontainer.js'), 'local', ...flags], {
      stdio: 'ignore',
      env: { ...process.env, LOG_LEVEL: 'debug' },
    });
    const isLeading = () =>
      existsSync(join(folder, 'local.json')) &&
      linesOf(folder).some(({ msg }) => msg === 'following the desired stream');
    await until('the daemon leads', isLeading, child);
    const run = new Local(folder, child);
    const ZipFile = zipSync({ 'index.mjs': Buffer.from('export const handler = async () => ({ statusCode: 200 });') });
    for (let i = 0; i < OBJECTS; i++) {
      const Handler = 'index.handler';
      await run.ports.lambda.createFunction({
        FunctionName: nameOf(i),
        Role: ROLE,
        Runtime: 'nodejs22.x',
        Handler,
        Code: { ZipFile },
      });
    }
    await pause(1_000);
    return run;
  }

  /** Ms from the write of the record to the first call that its pass makes of AWS, its tables left out. */
  async untilFirstCall(name: string, spec: object): Promise<number> {
    const from = linesOf(this.#folder).length;
    const startedMs = Date.now();
    await this.ports.dynamodb.putItem({ TableName: this.#table, Item: toItem({ namespace: 'bench', name, spec }) });
    const isFirst = ({ msg, key, service }: Line) =>
      msg === 'aws call' && key === `bench/${name}` && service !== 'dynamodb';
    const first = await this.#line(`a call for ${name}`, from, isFirst);
    return leftAtMs(first) - startedMs;
  }

  /** Ms from the receipt of the event about an object to the first call that changes something of it. */
  async untilHealed(key: string, disturb: () => Promise<unknown>): Promise<number> {
    const from = linesOf(this.#folder).length;
    await disturb();
    const isOurs = (line: Line) => line.key === key;
    const heard = await this.#line(
      `an event for ${key}`,
      from,
      (line) => isOurs(line) && line.msg === 'told of a change' && line.by === 'event',
    );
    const isHealing = (line: Line) => isOurs(line) && line.msg === 'aws call' && line.operation === 'modifyRule';
    const healing = await this.#line(`a healing call for ${key}`, from, isHealing);
    return leftAtMs(healing) - Date.parse(heard.time);
  }

  async stop(): Promise<void> {
    this.#close();
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGINT');
    await ended;
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #line(what: string, from: number, isIt: (line: Line) => boolean): Promise<Line> {
    let found: Line | undefined;
    await until(
      what,
      () => {
        found = linesOf(this.#folder).slice(from).find(isIt);
        return found !== undefined;
      },
      this.#child,
    );
    if (!found) throw new Error(`${what} was not found`);
    return found;
  }
}

/** Of the daemon's log. */
function linesOf(folder: string): Line[] {
  const path = join(folder, 'controller.log');
  if (!existsSync(path)) return [];
  // The last line may not be whole yet.
  const texts = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  return texts.flatMap((text) => (text.startsWith('{') ? [JSON.parse(text) as Line] : []));
}

/** A call is told when it has ended. */
function leftAtMs({ time, took = '0ms' }: Line): number {
  return Date.parse(time) - (parseDuration(took) ?? 0);
}

async function until(what: string, holds: () => boolean, child: ChildProcess): Promise<void> {
  const limitMs = Date.now() + 60_000;
  while (!holds()) {
    if (child.exitCode !== null) throw new Error(`the local cloud ended before ${what}`);
    if (Date.now() > limitMs) throw new Error(`not within a minute: ${what}`);
    // Not so often that reading the log is what is measured.
    await pause(100);
  }
}

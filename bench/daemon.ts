/**
 * The shipped daemon as a process of its own, on the account of a simulated world: that is served over the wire, at the
 * moment at which its clock stands, so that nothing in it moves but by the daemon's own calls.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { serveWire } from '../src/local-cloud/index.ts';
import type { World } from '../test/simulation/world.ts';

/** What the program says that it is: fleets must have been settled by the same. */
export function shippedVersion(): string {
  return (JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }).version;
}

export class Daemon {
  /** Lines that were logged so far. */
  readonly lines: { readonly msg?: string; readonly level?: number }[] = [];
  readonly #child: ChildProcess;
  readonly #wire: { close: () => Promise<void> };
  readonly #logged = new Set<() => void>();

  private constructor(child: ChildProcess, wire: { close: () => Promise<void> }) {
    this.#child = child;
    this.#wire = wire;
    if (!child.stdout) throw new Error('the daemon has no output');
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.lines.push(JSON.parse(line));
      for (const look of this.#logged) look();
    });
  }

  /** `npm run build` makes the program; `BENCH_DIST` names another folder. */
  static async start(
    world: World,
    env: Readonly<Record<string, string>>,
    flags: readonly string[] = [],
  ): Promise<Daemon> {
    const program = join(process.env.BENCH_DIST ?? 'dist', 'cli.mjs');
    if (!existsSync(program)) throw new Error(`${program} is not there: run npm run build first`);
    const wire = await serveWire({ cloud: world.cloud, host: '127.0.0.1', port: 0 });
    const { accessKeyId, sessionToken } = world.session;
    const child = spawn(process.execPath, [...flags, program, 'start'], {
      env: {
        PATH: process.env.PATH,
        AWS_REGION: world.region,
        AWS_ENDPOINT_URL: `http://127.0.0.1:${wire.port}`,
        AWS_ACCESS_KEY_ID: accessKeyId,
        AWS_SECRET_ACCESS_KEY: 'bench',
        ...(sessionToken === undefined ? {} : { AWS_SESSION_TOKEN: sessionToken }),
        AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
        ...env,
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    return new Daemon(child, wire);
  }

  /** Waits until a line says `text` for the `times`th time. @throws Error when the daemon ends before that */
  async says(text: string, times = 1): Promise<void> {
    const count = () => this.lines.filter(({ msg }) => msg?.includes(text)).length;
    if (count() >= times) return;
    await new Promise<void>((resolve, reject) => {
      const look = () => {
        if (count() < times) return;
        this.#logged.delete(look);
        resolve();
      };
      this.#logged.add(look);
      this.#child.once('exit', () =>
        reject(new Error(`the daemon ended before it said '${text}': ${JSON.stringify(this.lines.slice(-3))}`)),
      );
    });
  }

  /** Of /proc, in MiB: resident now, and the most that it ever was. */
  residentMib(): { readonly now: number; readonly most: number } {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8');
    const kib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]);
    return { now: kib('VmRSS') / 1024, most: kib('VmHWM') / 1024 };
  }

  /** CPU that it used so far, user and system. */
  cpuMs(): number {
    const stat = readFileSync(`/proc/${this.#child.pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = once(this.#child, 'exit');
      this.#child.kill('SIGTERM');
      await ended;
    }
    await this.#wire.close();
  }
}

/**
 * Target group health checks: one GET on a connection of its own, as the load balancer's checker sends it. Intervals,
 * thresholds and what a status means are the ELB machine's.
 */
import { request } from 'node:http';
import type { Clock } from '../../core/index.ts';
import type { ProbeDriver, TargetProbe } from '../contract.ts';

/** Where a task's address and port are on this machine; undefined when there is no such task. */
export type Endpoint = (ip: string, port: number) => { readonly host: string; readonly port: number } | undefined;

export class HttpProbeDriver implements ProbeDriver {
  readonly #clock: Clock;
  readonly #endpoint: Endpoint;
  #closed = false;
  readonly #pending = new Set<() => void>();

  constructor(clock: Clock, endpoint: Endpoint) {
    this.#clock = clock;
    this.#endpoint = endpoint;
  }

  /** Reports once, always later than the call. */
  probe(target: TargetProbe, report: (status: number | undefined) => void): void {
    void this.#get(target).then((status) => {
      if (!this.#closed) report(status);
    });
  }

  /** From now on nothing is reported; checks under way are given up. */
  close(): void {
    this.#closed = true;
    for (const giveUp of this.#pending) giveUp();
  }

  #get(target: TargetProbe): Promise<number | undefined> {
    const endpoint = this.#endpoint(target.ip, target.port);
    if (!endpoint) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const outgoing = request({
        ...endpoint,
        path: target.path,
        agent: false,
        headers: {
          Host: `${target.ip}:${target.port}`,
          Connection: 'close',
          'User-Agent': 'ELB-HealthChecker/2.0',
          'Accept-Encoding': 'gzip, compressed',
        },
      });
      const done = (status: number | undefined) => {
        timer.cancel();
        this.#pending.delete(giveUp);
        outgoing.destroy();
        resolve(status);
      };
      const giveUp = () => done(undefined);
      const timer = this.#clock.after(target.timeoutMs, giveUp);
      this.#pending.add(giveUp);
      outgoing.once('response', (response) => done(response.statusCode));
      // Also what `destroy` brings after an answer; only the first outcome counts.
      outgoing.on('error', giveUp);
      outgoing.end();
    });
  }
}

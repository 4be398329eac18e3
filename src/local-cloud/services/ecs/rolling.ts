/**
 * One decision of a rolling deployment: how many tasks of the primary deployment to start and which tasks to stop now,
 * within minimumHealthyPercent and maximumPercent. Pure; the scheduler asks again whenever a task changes. What makes a
 * task healthy, and what a failure means, is the scheduler's.
 */

export interface RollingTask {
  readonly arn: string;
  /** Of the primary deployment. */
  readonly primary: boolean;
  /** `settling`: starting, or running and not healthy yet. `unhealthy`: to be replaced. */
  readonly state: 'settling' | 'healthy' | 'unhealthy';
  readonly protected: boolean;
}

export interface RollingInput {
  readonly desired: number;
  readonly minimumHealthyPercent: number;
  readonly maximumPercent: number;
  /** False while the primary deployment has failed: nothing is started for it any more. */
  readonly mayStart: boolean;
  /** Tasks that are not being stopped, oldest first. */
  readonly tasks: readonly RollingTask[];
}

export interface RollingStep {
  readonly start: number;
  readonly stop: readonly string[];
}

/**
 * The next step. Never stops a healthy task while fewer than the minimum would remain healthy, never starts one beyond
 * the maximum. A replacement is started before what it replaces is stopped, unless the maximum leaves no room.
 */
export function rollingStep(input: RollingInput): RollingStep {
  const { desired, tasks } = input;
  const lower = Math.ceil((desired * input.minimumHealthyPercent) / 100);
  const upper = Math.floor((desired * input.maximumPercent) / 100);
  const primary = tasks.filter((task) => task.primary);
  const old = tasks.filter((task) => !task.primary);
  const healthyPrimary = count(primary, 'healthy');
  const unhealthyPrimary = count(primary, 'unhealthy');

  const missing = input.mayStart ? Math.max(0, desired - (primary.length - unhealthyPrimary)) : 0;
  const room = Math.max(0, upper - tasks.length);
  const start = Math.min(missing, room);
  const shortOfRoom = missing - start;

  const stop = new Stops(tasks, lower);
  // Old tasks go as primary ones become healthy, and earlier only to make room.
  const surplusOld = old.length - Math.max(0, desired - healthyPrimary);
  stop.take(old, Math.max(surplusOld, shortOfRoom), 'spare protected');
  // Unhealthy primary tasks go when their replacements have settled, or to make room for them.
  const replaced = primary.length - desired - count(primary, 'settling');
  const unhealthy = primary.filter((task) => task.state === 'unhealthy');
  const unhealthyToStop = input.mayStart ? Math.max(replaced, shortOfRoom - stop.size) : unhealthy.length;
  stop.take(unhealthy, unhealthyToStop, 'any');
  // Scaling in: what is not serving yet goes first, then the newest.
  const good = primary.filter((task) => task.state !== 'unhealthy').reverse();
  stop.take(good, good.length - desired, 'spare protected');
  return { start, stop: stop.arns };
}

function count(tasks: readonly RollingTask[], state: RollingTask['state']): number {
  return tasks.filter((task) => task.state === state).length;
}

const LEAST_USEFUL_FIRST = { unhealthy: 0, settling: 1, healthy: 2 };

class Stops {
  readonly arns: string[] = [];
  /** How many healthy tasks may still go. */
  #spare: number;

  constructor(tasks: readonly RollingTask[], lower: number) {
    this.#spare = count(tasks, 'healthy') - lower;
  }

  get size(): number {
    return this.arns.length;
  }

  /** Stops up to `wanted` of `candidates`, the least useful first. */
  take(candidates: readonly RollingTask[], wanted: number, which: 'any' | 'spare protected'): void {
    const ordered = [...candidates].sort((a, b) => LEAST_USEFUL_FIRST[a.state] - LEAST_USEFUL_FIRST[b.state]);
    let left = wanted;
    for (const task of ordered) {
      if (left <= 0) return;
      if (which === 'spare protected' && task.protected) continue;
      if (task.state === 'healthy') {
        if (this.#spare <= 0) return;
        this.#spare -= 1;
      }
      this.arns.push(task.arn);
      left -= 1;
    }
  }
}

/** Failures in a row after which the circuit breaker ends a deployment: by default half the desired count, 3 to 200. */
export function breakerThreshold(desired: number, threshold: { type: string; value: number }): number {
  if (threshold.type === 'COUNT') return threshold.value;
  const share = Math.max(1, Math.ceil((desired * threshold.value) / 100));
  return threshold.type === 'UNBOUNDED_PERCENT' ? share : Math.min(200, Math.max(3, share));
}

const BACKOFF_FROM = 3;
const BACKOFF_FIRST_MS = 10_000;
const BACKOFF_MAX_MS = 27 * 60_000;

/** How long launches wait after `failures` tasks in a row never became healthy; at most 27 minutes, as AWS documents. */
export function backoffMs(failures: number): number {
  if (failures < BACKOFF_FROM) return 0;
  return Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** Math.min(20, failures - BACKOFF_FROM));
}

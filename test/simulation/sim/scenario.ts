/**
 * A scenario is data: what people, other tools, the platform and chance do to a world, and when. It is generated from a
 * seed and nothing else, can be written to a file and played again, and any act of it can be left out without changing
 * the others: each carries its own numbers instead of drawing them from a shared source.
 */
import { type Random, seededRandom } from '../../../src/core/index.ts';

/** One thing that is done at one time. What its target is not there for does nothing. */
export interface Act {
  readonly atMs: number;
  readonly act: ActName;
  /** Chooses among what is there when it happens, 0 to 1. */
  readonly pick: number;
  /** A size, a length, a value: what the act makes of it. 0 to 1. */
  readonly value: number;
}

/** Probabilities per call while the storm lasts. */
export interface Rates {
  /** Refused before it was done. */
  readonly throttled: number;
  readonly broken: number;
  /** Done, and the answer never arrives. */
  readonly lost: number;
  /** Takes seconds. */
  readonly slow: number;
  /** A read that is answered with an earlier answer to the same question. */
  readonly stale: number;
}

export const CALM: Rates = { throttled: 0, broken: 0, lost: 0, slow: 0, stale: 0 };

export interface Scenario {
  readonly seed: number;
  readonly objects: number;
  /** Of each daemon, against the world's clock. */
  readonly skewsMs: readonly number[];
  readonly stormMs: number;
  readonly rates: Rates;
  /** AWS's events reach the daemons, each late or doubled with this probability; absent: nobody sends any. */
  readonly events?: { readonly jumbled: number };
  readonly acts: readonly Act[];
}

export interface ScenarioOptions {
  readonly hours?: number | undefined;
  readonly objects?: number | undefined;
}

/** How often each act is chosen; whoever adds one to the interpreter gives it a weight here. */
export const ACT_WEIGHTS = {
  // People and what they want.
  wish: 12,
  /** From one side to the other, whole. */
  move: 8,
  remove: 5,
  recreate: 3,
  protect: 2,
  confirm: 2,
  wipe: 0.4,
  restart: 2,
  misspell: 1,
  updateCode: 4,
  configureFunction: 1.5,
  reserve: 2,
  editClass: 1,
  touchClass: 0.5,
  // People and tools who change what is there.
  weights: 5,
  rulePattern: 2,
  deleteRule: 2,
  deleteRuleAndGroups: 1,
  deleteService: 2,
  scaleService: 2,
  oldTaskDefinition: 1,
  stopTask: 3,
  deregisterTaskDefinition: 1.5,
  deleteImages: 1.5,
  deleteProject: 1,
  editProject: 0.7,
  deleteLogGroup: 1,
  retention: 1,
  healthCheck: 1,
  attribute: 1,
  untag: 0.6,
  permission: 2,
  deregisterFunction: 1.5,
  deleteScaling: 1.5,
  editScaling: 1,
  fight: 0.7,
  // The platform and the code.
  crash: 4,
  sick: 2,
  breakCode: 1.2,
  slowBuilds: 1,
  failBuilds: 1.2,
  quota: 1,
  credentials: 1,
  outage: 1.5,
  throttle: 1,
  blindStream: 1,
  truncateStream: 1,
  // The daemons.
  kill: 4,
  pause: 8,
  cutOff: 2,
  stop: 2,
  // In scripts alone: seeds would mostly stop a daemon that renews its lease.
  pauseWriting: 0,
} as const;

export type ActName = keyof typeof ACT_WEIGHTS;

const MEAN_PAUSE_MS = 14_000;
const STORM_MS = { from: 180_000, to: 420_000 };
/** Small worlds find more in the same time than large ones; what takes three objects is found in those that have them. */
const OBJECTS_MAX = 3;

/** The scenario of a seed: the same on every machine, in every process. */
export function scenarioOf(seed: number, options: ScenarioOptions = {}): Scenario {
  const random = seededRandom(Math.imul(seed, 0x9e3779b1));
  const drawnMs = Math.round(STORM_MS.from + random.next() * (STORM_MS.to - STORM_MS.from));
  const drawn = 1 + Math.floor(random.next() * OBJECTS_MAX);
  const { hours, objects = drawn } = options;
  const stormMs = hours === undefined ? drawnMs : hours * 3_600_000;
  const acts: Act[] = [];
  const order = chosenOrder(random, objects);
  // As many as make it hard, and in a long run not so many that nothing ever gets done.
  const meanMs = hours === undefined ? MEAN_PAUSE_MS : Math.max(4_000, 240_000 / objects);
  for (let atMs = 20_000; atMs < stormMs; atMs += random.next() * 2 * meanMs) {
    acts.push({ atMs: Math.round(atMs), act: order(), pick: brief(random), value: brief(random) });
  }
  const daemons = random.next() < 0.4 ? 1 : 2;
  return {
    seed,
    objects,
    skewsMs: Array.from({ length: daemons }, () => Math.round((random.next() - 0.5) * 4_000)),
    stormMs,
    rates: ratesOf(random),
    acts,
    ...(random.next() < 0.5 ? { events: { jumbled: brief(random) * 0.6 } } : {}),
  };
}

function brief(random: Random): number {
  return Math.floor(random.next() * 1000) / 1000;
}

/** Each seed prefers some acts, so that some seeds do what an average never does. */
function chosenOrder(random: Random, objects: number): () => ActName {
  const drawn = Object.entries(ACT_WEIGHTS).filter(([, weight]) => weight > 0);
  const weighted = drawn.map(([name, weight]) => {
    const preferred = weight * (random.next() < 0.3 ? 0.2 : 0.5 + random.next());
    // A large fleet that is wiped takes long to come back: seldom, so that there is one most of the time.
    const isRarer = name === 'wipe' && objects > OBJECTS_MAX;
    return [name as ActName, isRarer ? (preferred * OBJECTS_MAX) / objects : preferred] as const;
  });
  const total = weighted.reduce((sum, [, weight]) => sum + weight, 0);
  return () => {
    let left = random.next() * total;
    for (const [name, weight] of weighted) {
      left -= weight;
      if (left <= 0) return name;
    }
    return 'wish';
  };
}

function ratesOf(random: Random): Rates {
  const often = (share: number, atMost: number) => (random.next() < share ? brief(random) * atMost : 0);
  return {
    throttled: often(0.7, 0.06),
    broken: often(0.6, 0.03),
    lost: often(0.7, 0.03),
    slow: often(0.4, 0.01),
    stale: often(0.6, 0.5),
  };
}

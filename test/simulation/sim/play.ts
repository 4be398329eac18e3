/**
 * Plays one scenario: the world is made, the storm rages, then there is calm, and everything must settle and stay so.
 * Returns a verdict and the numbers; it never throws for what the product did wrong. The same scenario gives the same
 * history, whatever process plays it: real timers and the real clock are out of reach meanwhile.
 */
import type { ModifyRuleCommandInput } from '@aws-sdk/client-elastic-load-balancing-v2';
import { createEventRules } from '../../../src/cli/local/event-rules.ts';
import { type Logger, seededRandom } from '../../../src/core/index.ts';
import { TransactionalState } from '../../../src/local-cloud/state/store.ts';
import { isTable } from '../calls.ts';
import { addListener, OBJECTS_PER_LISTENER } from '../fleet.ts';
import { type Arrival, Judge, leaseTaken } from '../judgement.ts';
import { functionCode, World } from '../world.ts';
import {
  ACTS,
  editClass,
  FOREIGN,
  FOREIGN_PRIORITY,
  functionsFor,
  NAMESPACE,
  type Stage,
  type Wished,
  wish,
} from './acts.ts';
import { atHome } from './home.ts';
import { Network } from './network.ts';
import { SimProcess } from './process.ts';
import { Safety } from './safety.ts';
import { type Act, CALM, type Scenario } from './scenario.ts';
import { Watch } from './watch.ts';

/** Everything is settled so long after the last fault. */
export const SETTLED_WITHIN_MS = 20 * 60_000;
/** And nothing is changed any more so long after that. */
const QUIET_WITHIN_MS = 15 * 60_000;
const RESYNC_MS = 30_000;
const RESYNCS = 10;
/** Within which events of the services, and of CloudTrail, arrive. */
const EVENT_MS = { native: 400, trail: 20_000 };
const HOUR_MS = 3_600_000;
const STATE = 'lambdacontainer-state';

export interface Verdict {
  readonly seed: number;
  /** Empty: nothing that may not happen did. */
  readonly violations: readonly string[];
  readonly fingerprint: string;
  readonly simulatedMs: number;
  /** Atomic changes of the cloud, each of which was judged. */
  readonly steps: number;
  readonly calls: number;
  /** Mutations by daemons that another had followed: they left in the window that the design admits. */
  readonly admitted: number;
  readonly settledAfterMs: number;
  /** What was done and what befell whom. */
  readonly history: readonly string[];
}

/** `told` hears of every simulated hour of the storm. */
export async function play(scenario: Scenario, told: (hour: string) => void = () => {}): Promise<Verdict> {
  const theatre = new Theatre(scenario, told);
  return atHome(() => theatre.play());
}

class Theatre implements Stage {
  readonly world: World;
  readonly network: Network;
  readonly daemons: readonly SimProcess[];
  readonly names: readonly string[];
  readonly functions: readonly string[];
  readonly wishes: Stage['wishes'] = new Map();
  readonly untagged: (() => Promise<unknown>)[] = [];
  readonly secret: string;
  readonly #scenario: Scenario;
  readonly #told: (hour: string) => void;
  readonly #watch = new Watch();
  readonly #safety: Safety;
  /** Twins are judged where they are made. */
  readonly #judge = new Judge(STATE, { judgesTwins: false });
  /** Calls that the judge has not heard of yet, as they arrived: the cloud works on one, or on one before it. */
  readonly #unheard: Arrival[] = [];
  readonly #epochs = new Map<string, number>();
  readonly #history: string[] = [];
  readonly #asked = new Set<string>();
  readonly #retired = new Set<SimProcess>();
  #isStorm = false;
  #startedMs = 0;
  #calls = 0;
  #admitted = 0;
  #mutatedAtMs = 0;
  #passedAtMs = 0;
  /** What nobody catches otherwise: an error in an act or in a daemon's depths. */
  #broken: Error | undefined;

  constructor(scenario: Scenario, told: (hour: string) => void) {
    this.#told = told;
    const { seed, objects, skewsMs, events } = scenario;
    this.#scenario = scenario;
    this.secret = `planted-${seed}-Zx9`;
    this.names = Array.from({ length: objects }, (_, index) => `app-${index}`);
    this.functions = functionsFor(objects);
    this.world = new World(seed, {
      state: new TransactionalState(this.#watch),
      intercept: this.#watch.intercept,
      events: { delayMs: EVENT_MS.native, ...(events ? { trail: { delayMs: EVENT_MS.trail } } : {}) },
    });
    const { clock } = this.world;
    this.#safety = new Safety(this.#watch, () => clock.now());
    this.#safety.secrets.push(this.secret);
    this.#safety.clocksApartMs = Math.max(...skewsMs) - Math.min(...skewsMs);
    this.network = new Network(seededRandom(seed + 2), () => clock.now());
    const around = {
      world: this.world,
      random: seededRandom(seed + 3),
      network: this.network,
      logger: this.#logger(),
      resyncMs: RESYNC_MS,
      arriving: (arrival: Arrival) => {
        this.#unheard.push(arrival);
        this.#watch.arriving = arrival;
        if (!isTable(arrival.service)) this.#mutatedAtMs = arrival.atMs;
      },
      arrived: (arrival: Arrival) => this.#arrived(arrival),
      called: (operation: string, { TableName, Key }: Readonly<Record<string, unknown>>) => {
        this.#calls++;
        // Each pass begins by reading the object's record.
        const { namespace } = (Key ?? {}) as { namespace?: { S?: string } };
        const isPass = operation === 'getItem' && TableName === this.world.desiredTable && namespace?.S === NAMESPACE;
        if (isPass) this.#passedAtMs = clock.now();
      },
      epochOf: (name: string) => this.#epochs.get(name) ?? 0,
      failed: (error: unknown) => {
        this.#broken ??= error as Error;
      },
      woke: (process: SimProcess, forMs: number) => this.#safety.woke(process.name, forMs),
      ended: (process: SimProcess) => {
        this.#note(`${process.name} ended: ${process.ended}`);
        // The platform starts again what ends, unless it was told that one is enough.
        if (!this.#retired.has(process)) clock.after(2_000, () => process.isAlive || process.start());
      },
    };
    this.daemons = skewsMs.map((skewMs, index) => new SimProcess(around, `d${index + 1}`, skewMs));
  }

  async play(): Promise<Verdict> {
    let settledAfterMs = 0;
    try {
      await this.#begin();
      await this.#storm();
      if (this.#safety.violations.length === 0) settledAfterMs = await this.#calm();
    } catch (error) {
      this.#safety.say(`the run broke: ${(error as Error).stack ?? String(error)}`);
    }
    const { seed } = this.#scenario;
    for (const daemon of this.daemons) daemon.kill();
    const simulatedMs = this.world.clock.now() - this.#startedMs;
    this.world.cloud.close();
    return {
      seed,
      violations: this.#safety.violations,
      fingerprint: this.#watch.fingerprint,
      simulatedMs,
      steps: this.#watch.steps,
      calls: this.#calls,
      admitted: this.#admitted,
      settledAfterMs,
      history: this.#history,
    };
  }

  isStorm(): boolean {
    return this.#isStorm;
  }

  wished(name: string, wish: Wished | undefined): void {
    this.#safety.wish(name, wish);
  }

  later(delayMs: number, act: () => void): void {
    // Before the calm begins, so that it finds the world as it is to stay.
    const endMs = this.#startedMs + this.#scenario.stormMs - 1;
    const atMs = Math.min(this.world.clock.now() + delayMs, endMs);
    this.world.clock.after(atMs - this.world.clock.now(), act);
  }

  /** An account with things of other people in it, and a function that knows a secret. */
  async #begin(): Promise<void> {
    const { world } = this;
    await world.bootstrap();
    const { aws } = world;
    const { Role } = await aws.iam.getRole({ RoleName: 'lambdacontainer-example-function' });
    const [hello, ...others] = this.functions;
    for (const FunctionName of others)
      await aws.lambda.createFunction({
        FunctionName,
        Role: Role?.Arn,
        Runtime: 'nodejs22.x',
        Handler: 'index.handler',
        Code: { ZipFile: functionCode('other') },
        Environment: { Variables: { DB_PASSWORD: this.secret } },
      });
    await aws.lambda.addPermission({
      FunctionName: hello,
      StatementId: FOREIGN,
      Action: 'lambda:InvokeFunction',
      Principal: 's3.amazonaws.com',
    });
    const { TargetGroups } = await aws.elbv2.createTargetGroup({
      Name: FOREIGN,
      TargetType: 'ip',
      Protocol: 'HTTP',
      Port: 80,
      VpcId: 'vpc-local',
    });
    const [listener] = world.cloud.services.elbv2.listeners();
    await aws.elbv2.createRule({
      ListenerArn: listener?.arn,
      Priority: Number(FOREIGN_PRIORITY),
      Conditions: [{ Field: 'path-pattern', PathPatternConfig: { Values: ['/by-hand'] } }],
      Actions: [{ Type: 'forward', TargetGroupArn: TargetGroups?.[0]?.TargetGroupArn }],
    });
    await aws.logs.createLogGroup({ logGroupName: `/${FOREIGN}` });
    await this.#addListeners();
    if (this.#scenario.events) world.eventsQueue = await createEventRules(aws, world);
    world.putImage(FOREIGN, 'latest');
    await aws.ecs.registerTaskDefinition({
      family: FOREIGN,
      networkMode: 'awsvpc',
      requiresCompatibilities: ['FARGATE'],
      cpu: '256',
      memory: '512',
      containerDefinitions: [{ name: 'main', image: 'public.ecr.aws/docker/library/node:24-slim', essential: true }],
    });
    await world.run(10_000);
  }

  /** The local cloud's own listener has room for a small fleet. */
  async #addListeners(): Promise<void> {
    const { world, names } = this;
    const more: object[] = [];
    for (let i = 0; i < Math.ceil(names.length / OBJECTS_PER_LISTENER) - 1; i++) more.push(await addListener(world, i));
    if (more.length > 0)
      await editClass(world, (spec) => ({ ...spec, listeners: [...(spec.listeners as object[]), ...more] }));
  }

  async #storm(): Promise<void> {
    const { world } = this;
    const { acts, rates, events, stormMs } = this.#scenario;
    this.#startedMs = world.clock.now();
    this.#isStorm = true;
    this.network.rates = rates;
    this.network.jumbled = events?.jumbled ?? 0;
    for (const [index, daemon] of this.daemons.entries()) world.clock.after(index * 900, () => daemon.start());
    for (const [index, name] of this.names.entries()) {
      const pick = ((index * 37) % 100) / 100;
      await wish(this, name, pick, (pick + 0.61) % 1);
    }
    for (const act of acts) {
      if (act.atMs <= stormMs) world.clock.after(act.atMs, () => this.#do(act));
    }
    for (let hour = 1; hour * HOUR_MS < stormMs; hour++) {
      world.clock.after(hour * HOUR_MS, () =>
        this.#told(`hour ${hour}: ${this.#watch.steps} changes, ${this.#calls} calls`),
      );
    }
    await this.#run(stormMs);
    this.#isStorm = false;
  }

  #do(act: Act): void {
    this.#note(`${act.act} ${act.pick} ${act.value}`);
    const refused = (error: Error & { code?: string }) => {
      if (error.name === 'Failure' || error.name === 'AwsError' || error.code !== undefined) {
        this.#note(`  refused: ${error.message.slice(0, 120)}`);
      } else this.#broken ??= error;
    };
    try {
      const doing = ACTS[act.act](this, act);
      if (doing instanceof Promise) doing.catch(refused);
    } catch (error) {
      refused(error as Error);
    }
  }

  /** Faults end and people mend what they broke; then all must settle, stay so, and be found as it is to be. */
  async #calm(): Promise<number> {
    const { world, network } = this;
    network.rates = CALM;
    network.jumbled = 0;
    for (const daemon of this.daemons) {
      if (daemon.isPaused) daemon.resume();
      daemon.isCutOff = false;
      if (!daemon.isAlive) daemon.start();
    }
    await this.#restoreTags();
    // What a pass that was under way has let go of meanwhile is the person's to remove.
    world.clock.after(60_000, () => void this.#restoreTags());
    const beganMs = world.clock.now();
    for (const [name, wished] of this.wishes) {
      this.wished(name, wished);
      await world.putRecord(wished.record);
    }
    // One that leads is enough for what is left.
    for (const daemon of this.daemons.slice(1)) {
      this.#retired.add(daemon);
      daemon.stop();
    }
    await this.#until('everything is settled', SETTLED_WITHIN_MS, () => this.#isSettled());
    const settledAfterMs = world.clock.now() - beganMs;
    this.#note('settled');
    const quietMs = RESYNCS * RESYNC_MS;
    await this.#until(
      'nothing is changed and nobody looked at for ten resyncs',
      QUIET_WITHIN_MS + quietMs,
      async () => {
        const sinceMs = Math.max(this.#mutatedAtMs, this.#passedAtMs);
        return world.clock.now() - sinceMs > quietMs && (await this.#isSettled());
      },
    );
    this.#note('quiet');
    const mutatedAtMs = this.#mutatedAtMs;
    for (const [name, { record }] of this.wishes) await this.#ask(name, record, 'in the end');
    await this.#until('every object is looked at once more', QUIET_WITHIN_MS, async () => {
      const statuses = await Promise.all([...this.wishes.keys()].map((name) => world.status(NAMESPACE, name)));
      return statuses.every((status) => status?.lastHandledReconcileAt === 'in the end');
    });
    if (this.#mutatedAtMs !== mutatedAtMs) this.#safety.say('something was not as desired, and nobody had found out');
    if (this.#safety.violations.length === 0) this.#judgeEnd();
    return settledAfterMs;
  }

  /** What is refused is gone by now. */
  async #restoreTags(): Promise<void> {
    for (const restore of this.untagged) await restore().catch(() => undefined);
  }

  /** A person asks for a pass now. */
  #ask(name: string, record: Record<string, unknown>, when: string): Promise<unknown> {
    const annotations = {
      ...(record.annotations as object | undefined),
      'lambdacontainer.dev/reconcile-requested-at': when,
    };
    return this.world.putRecord({ ...record, name, annotations });
  }

  async #isSettled(): Promise<boolean> {
    const { world } = this;
    await world.confirmHeld();
    let isSettled = true;
    for (const name of this.names) {
      const status = await world.status(NAMESPACE, name);
      const wished = this.wishes.get(name);
      if (!wished) {
        isSettled &&= status === undefined;
        continue;
      }
      const holds = (wanted: string) =>
        status?.conditions.some(({ type, status: held }) => type === wanted && held === 'True') === true;
      // Who fought is gone; the controller would wait for it to be quiet for a long time, unless a person asks.
      if (holds('Contended') && !this.#asked.has(name)) {
        this.#asked.add(name);
        await this.#ask(name, wished.record, 'the fight is over');
      }
      isSettled &&= holds('Ready');
    }
    return isSettled;
  }

  /** There is what is wanted, once, and nothing else of ours. */
  #judgeEnd(): void {
    const modes = [...this.wishes.values()].map(({ mode }) => mode);
    const onFargate = modes.filter((mode) => mode !== 'lambda').length;
    const onLambda = modes.filter((mode) => mode !== 'fargate').length;
    const ours = (collection: string) =>
      [...this.#watch.all<{ tags?: Record<string, string>; status?: string }>(collection).values()].filter(
        ({ tags = {}, status = 'ACTIVE' }) => tags['lambdacontainer.dev/owner'] === STATE && status === 'ACTIVE',
      ).length;
    const statements = [...this.#watch.all<{ statements: { Sid: string }[] }>('lambda.policies').values()]
      .flatMap((policy) => policy.statements)
      .filter(({ Sid }) => Sid.startsWith('lambdacontainer-')).length;
    const found = {
      services: ours('ecs.services'),
      targetGroups: ours('elbv2.targetGroups'),
      rules: ours('elbv2.rules'),
      scalableTargets: ours('autoscaling.targets'),
      statements,
    };
    const wanted = {
      services: onFargate,
      targetGroups: onFargate + onLambda,
      rules: modes.length,
      scalableTargets: onFargate,
      statements: onLambda,
    };
    for (const [what, count] of Object.entries(wanted)) {
      const there = found[what as keyof typeof found];
      if (there !== count) this.#safety.say(`in the end there are ${there} ${what}, not ${count}`);
    }
    for (const { group, weight, canServe } of this.world.traffic()) {
      if (weight > 0 && !canServe && !group.includes(`/${FOREIGN}/`)) {
        this.#safety.say(`in the end ${group} has traffic and cannot serve`);
      }
    }
  }

  /** What was answered is judged in the order of its arrival. */
  #hear(): void {
    const waits = this.#unheard.findIndex(({ refusal }) => refusal === undefined);
    const heard = this.#unheard.splice(0, waits === -1 ? this.#unheard.length : waits);
    for (const arrival of heard) {
      if (arrival.isLate && !isTable(arrival.service)) this.#admitted++;
      for (const found of this.#judge.hear(arrival)) this.#safety.say(found);
    }
  }

  #arrived(arrival: Arrival): void {
    const { daemon, service, operation, refusal } = arrival;
    this.#watch.answered();
    this.#hear();
    this.#watch.note(`${arrival.atMs} ${daemon} ${operation} ${refusal}`);
    if (service === 'dynamodb' && refusal === null) this.#safety.written(arrival);
    const epoch = leaseTaken(arrival) ?? 0;
    if (epoch > (this.#epochs.get(daemon) ?? 0)) {
      this.#epochs.set(daemon, epoch);
      this.#note(`${daemon} leads in epoch ${epoch}`);
    }
    if (!isTable(service)) this.#note(`  ${daemon} ${service} ${operation} ${briefly(arrival)} ${refusal ?? ''}`);
    if (/^AccessDenied/.test(refusal ?? '')) this.#safety.denied(arrival);
  }

  #note(what: string): void {
    this.#history.push(`${((this.world.clock.now() - this.#startedMs) / 1000).toFixed(2)}s ${what}`);
    if (this.#history.length > 4_000) this.#history.splice(0, 1_000);
  }

  /** Errors of the product's own are violations; everything is searched for secrets. */
  #logger(): Logger {
    const told = (level: string) => (fields: object, message: string) => {
      const { err } = fields as { err?: Error };
      this.#safety.logged(`${message} ${JSON.stringify(fields)} ${err?.message ?? ''}`);
      if (level === 'error' && err) this.#safety.say(`${message}: ${err.stack ?? err.message}`);
    };
    const logger: Logger = {
      debug: () => {},
      info: told('info'),
      warn: told('warn'),
      error: told('error'),
      child: () => logger,
    };
    return logger;
  }

  async #run(limitMs: number): Promise<void> {
    const { clock } = this.world;
    const endMs = clock.now() + limitMs;
    clock.after(limitMs, () => {});
    // A clock with nothing to do is a world in which nobody will ever do anything again.
    if (!(await clock.run(() => clock.now() >= endMs || this.#isDoomed(), limitMs)))
      throw new Error('nothing waits any more');
    if (this.#broken) throw this.#broken;
  }

  #isDoomed(): boolean {
    return this.#broken !== undefined || this.#safety.violations.length > 0;
  }

  async #until(what: string, limitMs: number, holds: () => Promise<boolean>): Promise<void> {
    const endMs = this.world.clock.now() + limitMs;
    while (!(await holds())) {
      // What is broken needs no more of it.
      if (this.#safety.violations.length > 0) return;
      if (this.world.clock.now() >= endMs) {
        this.#safety.say(`not within ${limitMs / 60_000} virtual minutes: ${what}\n${await this.#standing()}`);
        return;
      }
      await this.#run(5_000);
    }
  }

  async #standing(): Promise<string> {
    const daemons = this.daemons.map(({ name, controller, ended }) => `${name} ${controller?.state} ${ended ?? ''}`);
    const objects = await Promise.all(
      this.names.map(async (name) => {
        const status = await this.world.status(NAMESPACE, name);
        const said = status?.conditions.find(({ type }) => type === 'Ready');
        const wished = this.wishes.get(name)?.mode ?? 'nothing';
        return `${name} is to be ${wished}: ${said?.status} ${said?.reason} ${said?.message} ${status?.lastHandledReconcileAt ?? ''}`;
      }),
    );
    return [...daemons, ...objects].join('\n');
  }
}

/** What a call is about, in a line. */
function briefly({ operation, input }: Arrival): string {
  if (operation === 'modifyRule') {
    const { Actions = [] } = input as unknown as ModifyRuleCommandInput;
    const groups = Actions.flatMap(({ ForwardConfig }) => ForwardConfig?.TargetGroups ?? []);
    return groups.map(({ TargetGroupArn, Weight }) => `${TargetGroupArn?.split('/')[1]}=${Weight}`).join(' ');
  }
  const { TargetGroupArn, TargetGroupName, Name } = input as Record<string, string | undefined>;
  const { service, serviceName, family, taskDefinition, logGroupName } = input as Record<string, string | undefined>;
  const name = TargetGroupName ?? Name ?? serviceName ?? service ?? logGroupName ?? family ?? taskDefinition;
  return name ?? TargetGroupArn?.split('/')[1] ?? '';
}

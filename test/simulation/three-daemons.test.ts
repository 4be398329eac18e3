/**
 * Three daemons on one table, paused, killed and cut off from it at random, their clocks apart, while people change and
 * delete what they want: no twin, no lost update, no mutation by one that another has followed; and in the end all is as
 * desired. A failing seed is run alone with `SEED=n npx vitest run test/simulation/three-daemons`.
 */
import { expect, it } from 'vitest';
import { Daemons } from './daemons.ts';
import { functionCode, World } from './world.ts';

const SEEDS = process.env.SEED
  ? [Number(process.env.SEED)]
  : Array.from({ length: Number(process.env.SEEDS ?? 2) }, (_, index) => 900 + index);
const NAMES = ['a', 'b'];
const ROUNDS = 30;
const CLUSTER = 'lambdacontainer';
const MODES = [{ mode: 'fargate' }, { mode: 'lambda' }, { mode: 'split', split: { lambda: 30, fargate: 70 } }] as const;

class Torture {
  readonly world: World;
  readonly daemons: Daemons;
  readonly modes = new Map<string, (typeof MODES)[number]>();
  #code = 0;

  constructor(seed: number) {
    this.world = new World(seed);
    const { random } = this.world;
    this.daemons = new Daemons(
      this.world,
      seed + 1,
      [0, 1, 2].map(() => Math.round((random.next() - 0.5) * 4_000)),
    );
  }

  pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.world.random.next() * from.length)] as T;
  }

  async wish(name: string): Promise<void> {
    const placement = this.pick(MODES);
    this.modes.set(name, placement);
    await this.world.put('shop', name, { source: { functionRef: { name: 'hello' } }, placement });
  }

  /** What people do. */
  async churn(): Promise<void> {
    const { aws } = this.world;
    const name = this.pick(NAMES);
    const act = this.pick(['wish', 'wish', 'remove', 'code', 'deleteService', 'deleteRule', 'nothing']);
    this.daemons.note(`${act} ${name}`);
    if (act === 'wish') await this.wish(name);
    if (act === 'remove') {
      this.modes.delete(name);
      await this.world.remove('shop', name);
    }
    if (act === 'code') {
      const ZipFile = functionCode(`version ${this.#code++ % 3}`);
      await aws.lambda.updateFunctionCode({ FunctionName: 'hello', ZipFile }).catch(() => undefined);
    }
    if (act === 'deleteService') {
      const { serviceArns = [] } = await aws.ecs.listServices({ cluster: CLUSTER });
      if (serviceArns[0]) await aws.ecs.deleteService({ cluster: CLUSTER, service: serviceArns[0], force: true });
    }
    if (act === 'deleteRule') {
      const [listener] = this.world.cloud.services.elbv2.listeners();
      const { Rules = [] } = await aws.elbv2.describeRules({ ListenerArn: listener?.arn });
      const rule = Rules.find(({ IsDefault }) => !IsDefault);
      if (rule) await aws.elbv2.deleteRule({ RuleArn: rule.RuleArn });
    }
  }

  /** What befalls the daemons; the leader twice as often as the others. */
  disturb(): void {
    const { daemons } = this;
    const victim = (this.world.random.next() < 0.6 && daemons.leader) || this.pick(daemons.all);
    const act = this.pick(['pause', 'pause', 'pause', 'kill', 'cut off', 'stop']);
    if (!victim.isAlive || victim.isPaused) return;
    daemons.note(`${act} ${victim.name}`);
    const lastsMs = this.pick([200, 4_000, 12_000, 18_000, 25_000, 45_000]);
    const { clock } = this.world;
    if (act === 'pause') victim.pauseAfter(1 + Math.floor(this.world.random.next() * 20), lastsMs);
    else if (act === 'kill') {
      victim.kill();
      clock.after(lastsMs / 4, () => victim.start());
    } else if (act === 'cut off') {
      victim.isCutOff = true;
      clock.after(lastsMs, () => {
        victim.isCutOff = false;
      });
    } else victim.stop();
  }

  /** The platform starts again what has ended. */
  restart(): void {
    for (const daemon of this.daemons.all) if (daemon.ended !== undefined) daemon.start();
  }

  /** For whoever reads a failure. */
  async standing(): Promise<string> {
    const daemons = this.daemons.all.map(
      ({ name, controller, ended, isPaused, isCutOff }) =>
        `${name} ${controller?.state} ${ended} paused ${isPaused} cut off ${isCutOff}`,
    );
    const objects = await Promise.all(
      NAMES.map(async (name) => {
        const { conditions = [] } = (await this.world.status('shop', name)) ?? {};
        const said = conditions.find(({ type }) => type === 'Ready');
        return `${name} ${JSON.stringify(this.modes.get(name))}: ${said?.status} ${said?.reason} ${said?.message}`;
      }),
    );
    return [...daemons, ...objects].join('\n');
  }

  async isSettled(): Promise<boolean> {
    this.restart();
    await this.world.confirmHeld();
    for (const name of NAMES) {
      if (this.modes.has(name) ? !(await this.world.isReady('shop', name)) : await this.world.status('shop', name)) {
        return false;
      }
    }
    return true;
  }
}

it.each(SEEDS)(
  'seed %i: several are never worse than one',
  async (seed) => {
    const torture = new Torture(seed);
    const { world, daemons, modes } = torture;
    const explain = () => `seed ${seed}\n${daemons.history.slice(-40).join('\n')}`;
    await world.bootstrap();
    for (const daemon of daemons.all) daemon.start();
    for (const name of NAMES) await torture.wish(name);
    await world.run(20_000);
    for (let round = 0; round < ROUNDS; round++) {
      await torture.churn();
      torture.disturb();
      await world.run(1_000 + world.random.next() * 30_000);
      torture.restart();
    }
    await world.run(60_000);
    for (const daemon of daemons.all) {
      if (daemon.isPaused) daemon.resume();
      daemon.isCutOff = false;
    }
    await world
      .until('everything settled', () => torture.isSettled(), 1_800_000)
      .catch(async (error: Error) => {
        throw new Error(`${error.message}\n${explain()}\n${await torture.standing()}`);
      });
    await world.run(300_000);
    expect(await torture.isSettled(), explain()).toBe(true);
    expect([...daemons.violations(), ...(await daemons.twinBuilds())], explain()).toEqual([]);

    const onFargate = [...modes.values()].filter(({ mode }) => mode !== 'lambda').length;
    const onLambda = [...modes.values()].filter(({ mode }) => mode !== 'fargate').length;
    const { serviceArns = [] } = await world.aws.ecs.listServices({ cluster: CLUSTER });
    const { TargetGroups = [] } = await world.aws.elbv2.describeTargetGroups({});
    expect({ services: serviceArns.length, groups: TargetGroups.length }, explain()).toEqual({
      services: onFargate,
      groups: onFargate + onLambda,
    });
    // The torture reached what it is about.
    expect(new Set(daemons.log.map(({ epoch }) => epoch)).size, explain()).toBeGreaterThan(4);

    const before = daemons.log.length;
    await world.run(300_000);
    const calls = daemons.log.slice(before).filter(({ service, input }) => service !== 'dynamodb' || !isLease(input));
    expect(
      calls.map(({ service, operation }) => `${service} ${operation}`),
      explain(),
    ).toEqual([]);
    for (const daemon of daemons.all) daemon.stop();
    await world.run(10_000);
    world.cloud.close();
  },
  120_000,
);

function isLease(input: Record<string, unknown>): boolean {
  return (input.Item as { key?: { S?: string } } | undefined)?.key?.S === 'lease';
}

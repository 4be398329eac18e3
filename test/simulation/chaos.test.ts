/**
 * People who edit everything at random, code and specs that change, controllers that are killed, calls that fail: while
 * it lasts nothing of the user's may change; once it stops, everything settles, there is no twin of anything, and then
 * nothing is called that changes anything. A failing seed is run alone with `SEED=n npx vitest run test/simulation/chaos`.
 */
import { expect, it } from 'vitest';
import { functionCode, World } from './world.ts';

const SEEDS = process.env.SEED
  ? [Number(process.env.SEED)]
  : Array.from({ length: Number(process.env.SEEDS ?? 3) }, (_, i) => 100 + i);
const NAMES = ['a', 'b', 'c'];
const MODES = [
  { mode: 'fargate' },
  { mode: 'lambda' },
  { mode: 'split', split: { lambda: 30, fargate: 70 } },
  { mode: 'split', split: { lambda: 60, fargate: 40 } },
] as const;
const ROUNDS = 40;
const FAULTS = { throttled: 0.02, lost: 0.01, broken: 0.01 };
const CLUSTER = 'lambdacontainer';

class Chaos {
  readonly world: World;
  readonly modes = new Map<string, (typeof MODES)[number]>();
  readonly history: string[] = [];
  #code = 0;

  constructor(world: World) {
    this.world = world;
  }

  pick<T>(from: readonly T[]): T | undefined {
    return from[Math.floor(this.world.random.next() * from.length)];
  }

  async wish(name: string): Promise<void> {
    const placement = this.pick(MODES) ?? MODES[0];
    this.modes.set(name, placement);
    await this.world.put('shop', name, { source: { functionRef: { name: 'hello' } }, placement });
  }

  /** One thing that a person or the world does. What is not there cannot be broken: refusals are part of the game. */
  async act(): Promise<void> {
    const { world } = this;
    const { aws } = world;
    const actions: Record<string, () => Promise<unknown>> = {
      async deleteService() {
        const { serviceArns = [] } = await aws.ecs.listServices({ cluster: CLUSTER });
        await aws.ecs.deleteService({ cluster: CLUSTER, service: serviceArns[0], force: true });
      },
      async stopTask() {
        const { taskArns = [] } = await aws.ecs.listTasks({ cluster: CLUSTER });
        await aws.ecs.stopTask({ cluster: CLUSTER, task: taskArns[0] });
      },
      deleteProject: () => aws.codebuild.deleteProject({ name: 'lambdacontainer-standard' }),
      deleteImages: async () => {
        const { imageDetails = [] } = await aws.ecr.describeImages({ repositoryName: 'lambdacontainer/shop' });
        const imageIds = imageDetails.map(({ imageDigest }) => ({ imageDigest }));
        await aws.ecr.batchDeleteImage({ repositoryName: 'lambdacontainer/shop', imageIds });
      },
      editWeights: () =>
        this.#onRule(async (RuleArn, groups) => {
          const TargetGroups = groups.map((TargetGroupArn) => ({
            TargetGroupArn,
            Weight: Math.floor(world.random.next() * 3) * 50,
          }));
          await aws.elbv2.modifyRule({ RuleArn, Actions: [{ Type: 'forward', ForwardConfig: { TargetGroups } }] });
        }),
      deleteRule: () => this.#onRule((RuleArn) => aws.elbv2.deleteRule({ RuleArn })),
      deleteRuleAndGroups: () =>
        this.#onRule(async (RuleArn, groups) => {
          await aws.elbv2.deleteRule({ RuleArn });
          for (const TargetGroupArn of groups) await aws.elbv2.deleteTargetGroup({ TargetGroupArn });
        }),
      updateCode: () =>
        aws.lambda.updateFunctionCode({ FunctionName: 'hello', ZipFile: functionCode(`version ${this.#code++ % 3}`) }),
      changeWish: async () => this.wish(this.pick(NAMES) ?? 'a'),
      remove: async () => {
        const name = this.pick(NAMES) ?? 'a';
        this.modes.delete(name);
        await world.remove('shop', name);
      },
      confirm: () => world.confirmHeld(),
      killController: async () => {
        world.kill();
        world.start();
      },
      nothing: async () => {},
    };
    const name = this.pick(Object.keys(actions)) ?? 'nothing';
    this.history.push(`${new Date(world.clock.now()).toISOString()} ${name}`);
    await actions[name]?.().catch((error: Error) => {
      this.history.push(`  refused: ${error.message.slice(0, 100)}`);
    });
  }

  async #onRule(act: (ruleArn: string, groups: string[]) => Promise<unknown>): Promise<void> {
    const { elbv2 } = this.world.aws;
    const [listener] = this.world.cloud.services.elbv2.listeners();
    const { Rules = [] } = await elbv2.describeRules({ ListenerArn: listener?.arn });
    const rule = this.pick(Rules.filter(({ IsDefault }) => !IsDefault));
    if (!rule?.RuleArn) return;
    const groups = (rule.Actions?.[0]?.ForwardConfig?.TargetGroups ?? []).map(
      ({ TargetGroupArn }) => TargetGroupArn ?? '',
    );
    await act(rule.RuleArn, groups);
  }
}

it.each(SEEDS)(
  'seed %i: chaos, then calm',
  async (seed) => {
    const world = new World(seed);
    await world.bootstrap();
    const chaos = new Chaos(world);
    const before = await world.aws.lambda.getFunction({ FunctionName: 'hello' });
    world.faults = FAULTS;
    world.start();
    for (const name of NAMES) await chaos.wish(name);
    for (let round = 0; round < ROUNDS; round++) {
      await chaos.act();
      await world.run(world.random.next() * 60_000);
    }

    world.faults = { throttled: 0, lost: 0, broken: 0 };
    const explain = () => `${chaos.history.slice(-15).join('\n')}`;
    const settled = async () => {
      // Whoever removes so much in so short a time is asked; here somebody always answers.
      await world.confirmHeld();
      for (const name of NAMES) {
        if (chaos.modes.has(name)) {
          if (!(await world.isReady('shop', name))) return false;
        } else if ((await world.status('shop', name)) !== undefined) return false;
      }
      return true;
    };
    await world.until('everything settled', settled, 3_600_000).catch(async (error: Error) => {
      const statuses = await Promise.all(NAMES.map((name) => world.status('shop', name)));
      throw new Error(
        `${error.message}\n${explain()}\n${JSON.stringify(
          statuses.map((s) => s?.conditions.filter(({ type }) => ['Ready', 'Stalled'].includes(type))),
          undefined,
          1,
        )}`,
      );
    });
    // What was replaced may still drain or wait for its traffic to be gone.
    await world.run(600_000);
    expect(await settled(), explain()).toBe(true);

    const onFargate = [...chaos.modes.values()].filter(({ mode }) => mode !== 'lambda').length;
    const onLambda = [...chaos.modes.values()].filter(({ mode }) => mode !== 'fargate').length;
    const { serviceArns = [] } = await world.aws.ecs.listServices({ cluster: CLUSTER });
    expect(serviceArns, explain()).toHaveLength(onFargate);
    const { TargetGroups = [] } = await world.aws.elbv2.describeTargetGroups({});
    expect(TargetGroups, explain()).toHaveLength(onFargate + onLambda);
    const groups = world.traffic();
    expect(
      groups.every(({ weight, canServe }) => weight > 0 && canServe),
      JSON.stringify(groups),
    ).toBe(true);
    expect(groups).toHaveLength(onFargate + onLambda);
    const after = await world.aws.lambda.getFunction({ FunctionName: 'hello' });
    expect(after.Configuration?.Handler).toBe(before.Configuration?.Handler);

    world.mutations.length = 0;
    await world.run(10 * 30_000);
    expect(world.mutations, explain()).toEqual([]);
    await world.stop();
    world.cloud.close();
  },
  120_000,
);

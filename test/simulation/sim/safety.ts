/**
 * What may never happen, judged at every change of the cloud: nothing that is not ours is touched, nothing lacks its
 * marks, traffic only where it can be served, capacity gone only after its traffic, what a rollback needs kept, nothing
 * deleted while held, no secret in the tables, no Ready without service. It sees the cloud and the log of calls; it asks
 * no daemon anything. What depends on a moment that a daemon cannot have seen yet has a window, named here.
 */
import type { Action } from '@aws-sdk/client-elastic-load-balancing-v2';
import { TAG_HASH, TAG_NAME, TAG_OWNER, TAG_UID } from '../../../src/aws/index.ts';
import type { AnyItem, Arrival } from '../judgement.ts';
import type { Change, Watch } from './watch.ts';

const STATE_TABLE = 'lambdacontainer-state';
/**
 * A daemon acts on what it read at the start of its pass: a read may lag by 5 s, an answer and the act may take 4 s each,
 * and a pass reads level by level.
 */
const SEEN_WITHIN_MS = 40_000;
/** Weights reach every load balancer node within so long. */
const PROPAGATION_MS = 5_000;

interface Tagged {
  readonly tags?: Readonly<Record<string, string>> | readonly { readonly key?: string; readonly value?: string }[];
}

interface Rule extends Tagged {
  readonly arn: string;
  readonly actions: readonly Action[];
}

interface TargetGroup extends Tagged {
  readonly arn: string;
  readonly name: string;
  readonly targetType: 'ip' | 'lambda';
  readonly targets: Readonly<Record<string, { readonly state: string }>>;
}

interface LambdaFunction {
  readonly reservedConcurrency: number | null;
}

interface Service extends Tagged {
  readonly arn: string;
  readonly name: string;
  readonly status: string;
  readonly desiredCount: number;
  readonly revision: {
    readonly taskDefinitionArn: string;
    readonly loadBalancers: readonly { targetGroupArn: string }[];
  };
  readonly deployments: readonly { readonly revision: { readonly taskDefinitionArn: string } }[];
}

interface TaskDefinition extends Tagged {
  readonly family: string;
  readonly arn: string;
  readonly status: string;
  readonly definition: { readonly containerDefinitions: readonly { readonly image?: string }[] };
}

interface Build {
  readonly id: string;
  readonly status: string;
  readonly environment: {
    readonly environmentVariables?: readonly { readonly name?: string; readonly value?: string }[];
  };
}

/** What a person wants of an object, and since when. */
export interface Wish {
  readonly mode: 'fargate' | 'lambda' | 'split';
  /** Name of the function. */
  readonly source: string;
  readonly sinceMs: number;
}

/** Records that carry ownership tags. */
const TAGGED = new Set([
  'ecs.services',
  'ecs.taskDefinitions',
  'elbv2.rules',
  'elbv2.targetGroups',
  'ecr.repositories',
  'logs.groups',
  'codebuild.projects',
  'autoscaling.targets',
]);
/** What no daemon has any business with. */
const FORBIDDEN = [
  /^iam\.(roles|policies|users)$/,
  /^lambda\.(functions|versions|aliases|layers)$/,
  /^elbv2\.loadBalancers$/,
];

export class Safety {
  readonly violations: string[] = [];
  /** A new leader reads the times of the last one by a clock of its own. */
  clocksApartMs = 0;
  /** Values that stand in the function's environment and nowhere else but in task definitions. */
  readonly secrets: string[] = [];
  readonly #watch: Watch;
  readonly #nowMs: () => number;
  /** What people want, by object name: the newest last. */
  readonly #wishes = new Map<string, Wish[]>();
  /** When a group could last serve: now, while it can. */
  readonly #servedAtMs = new Map<string, number>();
  /** Whether it can serve now. */
  readonly #serves = new Set<string>();
  /** When a group's weight last became 0, and when a person last gave it some. */
  readonly #idleSinceMs = new Map<string, number>();
  /** When a group last began or ceased to have traffic. */
  readonly #shifted = new Map<string, { readonly weight: number; readonly atMs: number }>();
  readonly #givenByPersonMs = new Map<string, number>();
  /** Groups that a person took the traffic from last, and when. */
  readonly #takenByPersonMs = new Map<string, number>();
  /** Services whose task definition a person chose last, and when. */
  readonly #pointedByPersonMs = new Map<string, number>();
  /** Keys of objects that are held, with their uids. */
  readonly #held = new Map<string, string>();
  /** Names of objects that were marked as protected when their record was last read. */
  readonly #protected = new Set<string>();
  /** Names of objects whose deletion has begun: nobody is to be served by them any more. */
  readonly #deleting = new Set<string>();
  /** When a person last changed an object's rule, by name. */
  readonly #editedMs = new Map<string, number>();
  /** When somebody took our mark off a target group. */
  readonly #untaggedMs = new Map<string, number>();
  /** When a person last turned a function off, and took rights to call it away, by its name. */
  readonly #turnedOffMs = new Map<string, number>();
  readonly #revokedMs = new Map<string, number>();
  readonly #ruleGoneMs = new Map<string, number>();
  /** By daemon: its last stop. */
  readonly #slept = new Map<string, { readonly forMs: number; readonly untilMs: number }>();
  /** Digests and task definitions that a rollback can reach, by revision item. */
  readonly #reachable = new Map<string, string>();

  constructor(watch: Watch, nowMs: () => number) {
    this.#watch = watch;
    this.#nowMs = nowMs;
    watch.onChanges = (changes) => this.#changed(changes);
  }

  wish(name: string, wish: Omit<Wish, 'sinceMs'> | undefined): void {
    const wishes = this.#wishes.get(name) ?? [];
    this.#wishes.set(name, wishes);
    if (wish) wishes.push({ ...wish, sinceMs: this.#nowMs() });
    if (wishes.length > 8) wishes.shift();
  }

  /** A daemon's write to the tables was done. */
  written({ daemon, operation, input }: Arrival): void {
    if (input.TableName !== STATE_TABLE) return;
    this.#refuseSecrets(`${operation} of the state table`, JSON.stringify(input));
    const item = (input.Item ?? input.Key) as AnyItem | undefined;
    const id = `${item?.namespace?.S}/${item?.key?.S}`;
    const body = operation === 'putItem' ? (item?.body?.M as AnyItem | undefined) : undefined;
    if (id.endsWith('#inventory')) {
      const wasHeld = this.#held.has(id);
      if (body?.held?.M) this.#held.set(id, body.uid?.S ?? '');
      else this.#held.delete(id);
      const name = id.slice(id.indexOf('/') + 1, -'#inventory'.length);
      // Confirmed is only what was held before; what made nothing loses nothing.
      const entries = (body?.entries as unknown as { L?: unknown[] } | undefined)?.L ?? [];
      if (body?.deletingSinceMs && entries.length > 0 && this.#protected.has(name) && !wasHeld)
        this.say(`${name} is protected and is deleted`);
      if (body?.protected?.BOOL && !body.deletingSinceMs) this.#protected.add(name);
      else this.#protected.delete(name);
      if (body?.deletingSinceMs) this.#deleting.add(name);
      else this.#deleting.delete(name);
    }
    if (id.includes('#revision')) {
      if (body) this.#reachable.set(id, JSON.stringify(body));
      else this.#reachable.delete(id);
    }
    if (id.endsWith('#status') && body)
      this.#judgeStatus(item?.name?.S ?? id.slice(id.indexOf('/') + 1, -7), body, daemon);
  }

  /** IAM kept a daemon from a change: it should have known that this is not ours any more. */
  denied({ daemon, operation, input }: Arrival): void {
    const arn = String(input.TargetGroupArn);
    // A registration carries no mark: whether the group is still ours is IAM's to say. See docs/reliability.md.
    if (operation === 'deregisterTargets' || operation === 'registerTargets') return;
    const group = this.#watch.all<TargetGroup>('elbv2.targetGroups').get(arn);
    const sinceMs = this.#untaggedMs.get(arn);
    if (!group || sinceMs === undefined || tagsOf(group)[TAG_OWNER] !== undefined) return;
    if (!this.#isLately(sinceMs)) this.say(`${daemon} ${operation} of ${nameOf(arn)}, which is not ours`);
  }

  /** A daemon was stopped for so long, and goes on now. */
  woke(daemon: string, forMs: number): void {
    this.#slept.set(daemon, { forMs, untilMs: this.#nowMs() });
  }

  logged(line: string): void {
    this.#refuseSecrets('a log line', line);
  }

  say(what: string): void {
    if (this.violations.length < 20) this.violations.push(`${new Date(this.#nowMs()).toISOString()} ${what}`);
  }

  #refuseSecrets(where: string, text: string): void {
    for (const secret of this.secrets) if (text.includes(secret)) this.say(`${where} holds the secret ${secret}`);
  }

  #changed(changes: readonly Change[]): void {
    let concernsService = false;
    for (const change of changes) {
      const { collection, by } = change;
      if (collection.startsWith('dynamodb/') || collection.startsWith('sqs.') || collection.startsWith('events.'))
        continue;
      if (by) this.#judge(change, by);
      if (/^(elbv2\.targetGroups|lambda\.)/.test(collection)) concernsService = true;
      if (collection === 'elbv2.rules') this.#noteWeights(change);
      if (collection === 'ecs.services') this.#notePointed(change);
      if (collection.startsWith('lambda.') && change.byPerson) this.#noteFunction(change);
      if (collection === 'elbv2.targetGroups' && change.byPerson && change.before && change.after) {
        const isOurs = (record: unknown) => tagsOf(record as Tagged)[TAG_OWNER] !== undefined;
        if (isOurs(change.before) && !isOurs(change.after)) this.#untaggedMs.set(change.key, this.#nowMs());
      }
    }
    if (concernsService) this.#noteServing();
  }

  #judge(change: Change, by: Arrival): void {
    const { collection, key, before, after } = change;
    const said = `${by.daemon} ${by.service} ${by.operation}: ${collection} ${key}`;
    if (FORBIDDEN.some((name) => name.test(collection))) this.say(`${said} is none of ours`);
    // Which load balancer uses a group is noted with the group.
    const isNoted = collection === 'elbv2.targetGroups' && /Rule$/.test(by.operation);
    if (TAGGED.has(collection) && !isNoted) {
      const tags = tagsOf((before ?? after) as Tagged);
      const isDefault = (after as Rule | undefined)?.arn?.includes('listener-rule') && collection === 'elbv2.rules';
      if (tags[TAG_OWNER] !== STATE_TABLE) {
        if (before !== undefined) this.say(`${said} was changed and is not ours`);
        else this.say(`${said} was made without our tags${isDefault ? ' (a rule)' : ''}`);
      }
      const uid = tags[TAG_UID];
      const isRemoval =
        after === undefined || (collection === 'ecs.services' && (after as Service).status !== 'ACTIVE');
      if (uid !== undefined && isRemoval && [...this.#held.values()].includes(uid)) {
        this.say(`${said} was deleted while the deletion of ${tags[TAG_NAME]} is held`);
      }
    }
    if (collection === 'ecs.taskDefinitions' && before === undefined) this.#judgeTwin(said, after as TaskDefinition);
    if (collection === 'codebuild.builds' && before === undefined) this.#judgeBuild(said, after as Build);
    if (collection === 'lambda.policies') this.#judgePolicy(said, before, after);
    if (collection === 'ecr.images' && after === undefined) this.#judgeImage(said, key);
    if (collection === 'ecs.taskDefinitions' && isGone(after))
      this.#judgeTaskDefinition(said, before as TaskDefinition);
    if (collection === 'elbv2.rules') this.#judgeRule(said, before as Rule | undefined, after as Rule | undefined);
    if (collection === 'ecs.services') this.#judgeService(said, before as Service | undefined, after as Service);
    if (collection === 'elbv2.targetGroups') {
      this.#judgeGroup(said, before as TargetGroup | undefined, after as TargetGroup | undefined, by);
    }
  }

  #judgeTwin(said: string, made: TaskDefinition): void {
    const hash = tagsOf(made)[TAG_HASH];
    for (const other of this.#watch.all<TaskDefinition>('ecs.taskDefinitions').values()) {
      const isAlike = other.family === made.family && tagsOf(other)[TAG_HASH] === hash;
      if (isAlike && other.arn !== made.arn && other.status === 'ACTIVE') this.say(`${said}: a twin of ${other.arn}`);
    }
  }

  #judgeBuild(said: string, build: Build): void {
    const inputs = inputsOf(build);
    for (const other of this.#watch.all<Build>('codebuild.builds').values()) {
      if (other.id !== build.id && other.status === 'IN_PROGRESS' && inputsOf(other) === inputs) {
        this.say(`${said}: ${other.id} builds the same already`);
      }
    }
  }

  /** Statements that are not the controller's stay as they are. */
  #judgePolicy(said: string, before: unknown, after: unknown): void {
    const foreign = (policy: unknown) => {
      const { statements = [] } = (policy ?? {}) as { statements?: { Sid: string }[] };
      return JSON.stringify(statements.filter(({ Sid }) => !Sid.startsWith('lambdacontainer-')));
    };
    if (foreign(before) !== foreign(after)) this.say(`${said}: statements of others changed`);
  }

  #judgeImage(said: string, key: string): void {
    const digest = key.split('@')[1] ?? '';
    if (!key.startsWith('lambdacontainer/')) this.say(`${said}: an image of somebody else was deleted`);
    for (const definition of this.#usedDefinitions()) {
      if (this.#deleting.has(tagsOf(definition)[TAG_NAME] ?? '')) continue;
      if (JSON.stringify(definition.definition).includes(digest))
        this.say(`${said}: ${definition.arn} needs the image`);
    }
    for (const [id, body] of this.#reachable) {
      if (!this.#isEnding(id) && body.includes(digest)) this.say(`${said}: a rollback to ${id} needs the image`);
    }
  }

  #judgeTaskDefinition(said: string, before: TaskDefinition): void {
    if (before?.status !== 'ACTIVE') return;
    if (this.#usedDefinitions().some(({ arn }) => arn === before.arn)) this.say(`${said}: it is in use`);
    const hash = tagsOf(before)[TAG_HASH];
    for (const [id, body] of this.#reachable) {
      if (hash !== undefined && !this.#isEnding(id) && body.includes(hash))
        this.say(`${said}: a rollback to ${id} needs it`);
    }
  }

  /** Whose item of the state table this is goes, with all that it could return to. */
  #isEnding(id: string): boolean {
    return this.#deleting.has(id.slice(id.indexOf('/') + 1, id.indexOf('#')));
  }

  #usedDefinitions(): TaskDefinition[] {
    const definitions = [...this.#watch.all<TaskDefinition>('ecs.taskDefinitions').values()];
    const used = new Set<string>();
    for (const service of this.#watch.all<Service>('ecs.services').values()) {
      if (service.status !== 'ACTIVE') continue;
      // What a person pointed it to a moment ago could not be seen yet.
      if (!this.#isLately(this.#pointedByPersonMs.get(service.arn))) used.add(service.revision.taskDefinitionArn);
    }
    return definitions.filter(({ arn }) => used.has(arn));
  }

  #judgeRule(said: string, before: Rule | undefined, after: Rule | undefined): void {
    const [old, now] = [weightsOf(before), weightsOf(after)];
    for (const [group, weight] of now) {
      if (weight === 0 || (old.get(group) ?? 0) > 0 || this.#couldServe(group)) continue;
      // Written back as it was read, with something else of the rule, when a person had taken it a moment ago.
      if (this.#isLately(this.#takenByPersonMs.get(group))) continue;
      this.say(`${said}: ${nameOf(group)} got traffic and cannot serve`);
    }
    // What a person gave a moment ago could not be seen either.
    const served = [...old].some(
      ([group, weight]) => weight > 0 && this.#serves.has(group) && !this.#isLately(this.#givenByPersonMs.get(group)),
    );
    const serves = [...now].some(([group, weight]) => weight > 0 && this.#couldServe(group));
    if (after !== undefined && served && !serves) this.say(`${said}: nobody serves any more, and one did`);
  }

  #judgeService(said: string, before: Service | undefined, after: Service | undefined): void {
    if (before?.status !== 'ACTIVE') return;
    const isGoing = after?.status !== 'ACTIVE' || (after.desiredCount === 0 && before.desiredCount > 0);
    if (!isGoing) return;
    const owner = tagsOf(before)[TAG_NAME] ?? '';
    for (const { targetGroupArn } of before.revision.loadBalancers) this.#judgeIdle(said, targetGroupArn, owner);
  }

  #judgeGroup(said: string, before: TargetGroup | undefined, after: TargetGroup | undefined, by: Arrival): void {
    if (!before) return;
    const standing = (group: TargetGroup) => Object.values(group.targets).some(({ state }) => state !== 'draining');
    const isEmptied = by.operation === 'deregisterTargets' && standing(before) && !(after && standing(after));
    // One Lambda target at a time: a change of the function takes the old one out first. See docs/reliability.md.
    const owner = tagsOf(before)[TAG_NAME] ?? '';
    const gone = Object.keys(before.targets)[0]?.split(':function:')[1];
    if (isEmptied && this.#current(owner).some(({ source }) => source !== gone)) return;
    if (after === undefined || isEmptied) this.#judgeIdle(said, before.arn, owner);
  }

  /** Capacity goes only when nobody is sent to it, and has not been for a while. */
  #judgeIdle(said: string, group: string, owner: string): void {
    const nowMs = this.#nowMs();
    const rules = [...this.#watch.all<Rule>('elbv2.rules').values()];
    // Where the whole rule goes, nobody is left to be sent anywhere else.
    if (!rules.some((rule) => tagsOf(rule)[TAG_NAME] === owner) || this.#deleting.has(owner)) return;
    if (rules.some((rule) => (weightsOf(rule).get(group) ?? 0) > 0)) {
      if (!this.#isLately(this.#givenByPersonMs.get(group))) this.say(`${said}: ${nameOf(group)} still has traffic`);
      return;
    }
    const idleMs = nowMs - (this.#idleSinceMs.get(group) ?? Number.NEGATIVE_INFINITY);
    if (idleMs < PROPAGATION_MS - 100 - this.clocksApartMs)
      this.say(`${said}: ${nameOf(group)} had traffic ${idleMs} ms ago`);
  }

  #noteWeights({ before, after, byPerson, by }: Change): void {
    const [old, now] = [weightsOf(before as Rule | undefined), weightsOf(after as Rule | undefined)];
    const nowMs = this.#nowMs();
    const owner = tagsOf((before ?? after) as Tagged)[TAG_NAME];
    if (byPerson && owner !== undefined) this.#editedMs.set(owner, nowMs);
    for (const group of new Set([...old.keys(), ...now.keys()])) {
      const [from, weight] = [old.get(group) ?? 0, now.get(group) ?? 0];
      if (from > 0 !== weight > 0) this.#shifted.set(group, { weight, atMs: nowMs });
    }
    for (const [group, weight] of old) {
      if (weight > 0 && byPerson && (now.get(group) ?? 0) === 0) this.#takenByPersonMs.set(group, nowMs);
    }
    for (const [group, weight] of now) {
      if (weight > 0 && byPerson && (old.get(group) ?? 0) === 0) this.#givenByPersonMs.set(group, nowMs);
      if (weight === 0 && (old.get(group) ?? 0) > 0 && by) this.#idleSinceMs.set(group, nowMs);
    }
    if (after !== undefined)
      for (const [group, weight] of old) if (weight > 0 && !now.has(group) && by) this.#idleSinceMs.set(group, nowMs);
    if (before !== undefined && after === undefined) {
      const uid = tagsOf(before as Tagged)[TAG_NAME];
      if (uid !== undefined) this.#ruleGoneMs.set(uid, nowMs);
    }
  }

  /** Which definition a service runs is the controller's to say, until somebody else says it. */
  #notePointed({ before, after, by, byPerson }: Change): void {
    const [was, is] = [before as Service | undefined, after as Service | undefined];
    if (!is || was?.revision.taskDefinitionArn === is.revision.taskDefinitionArn) return;
    if (byPerson) this.#pointedByPersonMs.set(is.arn, this.#nowMs());
    else if (by) this.#pointedByPersonMs.delete(is.arn);
  }

  #noteFunction({ collection, key, before, after }: Change): void {
    if (collection === 'lambda.policies') this.#revokedMs.set(key, this.#nowMs());
    if (collection === 'lambda.functions' && isOff(after as LambdaFunction) && !isOff(before as LambdaFunction))
      this.#turnedOffMs.set(key, this.#nowMs());
  }

  #noteServing(): void {
    const nowMs = this.#nowMs();
    for (const group of this.#watch.all<TargetGroup>('elbv2.targetGroups').values()) {
      if (this.#canServe(group)) this.#serves.add(group.arn);
      else if (this.#serves.delete(group.arn)) this.#servedAtMs.set(group.arn, nowMs);
    }
  }

  /** `asSeen`: of the function, what a daemon may have seen that looked before a person changed it. */
  #canServe({ arn, targetType, targets }: TargetGroup, asSeen = false): boolean {
    if (targetType === 'ip') return Object.values(targets).some(({ state }) => state === 'healthy');
    return Object.entries(targets).some(([functionArn, { state }]) => {
      if (state === 'draining') return false;
      const name = functionArn.split(':function:')[1]?.split(':')[0] ?? '';
      const policy = this.#watch.all('lambda.policies').get(name);
      const target = this.#watch.all<LambdaFunction>('lambda.functions').get(name);
      if (!target) return false;
      const isOn = !isOff(target) || (asSeen && this.#isLately(this.#turnedOffMs.get(name)));
      const mayCall =
        JSON.stringify(policy ?? {}).includes(arn) || (asSeen && this.#isLately(this.#revokedMs.get(name)));
      return isOn && mayCall;
    });
  }

  /** A daemon that acts now may not have seen it yet. */
  #isLately(atMs = Number.NEGATIVE_INFINITY): boolean {
    return this.#nowMs() - atMs < SEEN_WITHIN_MS;
  }

  /** It can, or could when the daemon looked. */
  #couldServe(group: string): boolean {
    if (this.#serves.has(group) || this.#isLately(this.#servedAtMs.get(group))) return true;
    // A group that was made since then could never serve.
    const record = this.#watch.all<TargetGroup>('elbv2.targetGroups').get(group);
    return record?.targetType === 'lambda' && this.#canServe(record, true);
  }

  /** Whoever is told Ready finds a rule that sends its traffic where the generation wants it served. */
  #judgeStatus(name: string, body: AnyItem, daemon: string): void {
    const conditions = (body.conditions as unknown as { L?: { M: AnyItem }[] })?.L ?? [];
    const isReady = conditions.some(({ M }) => M.type?.S === 'Ready' && M.status?.S === 'True');
    if (!isReady) return;
    const rules = [...this.#watch.all<Rule>('elbv2.rules').values()].filter((rule) => tagsOf(rule)[TAG_NAME] === name);
    if (rules.length === 0) {
      if (!this.#isLately(this.#ruleGoneMs.get(name))) {
        this.say(`${name} is said to be Ready and has no rule`);
      }
      return;
    }
    const serving = rules.flatMap((rule) => [...weightsOf(rule)].filter(([, weight]) => weight > 0));
    // What a person did to the weights a moment ago could not be seen yet.
    const isFresh = this.#isLately(this.#editedMs.get(name));
    if (!serving.some(([group]) => this.#couldServe(group)) && !isFresh) {
      this.say(`${name} is said to be Ready and nothing serves it`);
      return;
    }
    const current = this.#current(name, this.#sleptMs(daemon));
    if (current.length === 0 || isFresh) return;
    const isWished = current.some(({ mode }) =>
      (['ip', 'lambda'] as const).every((type) => {
        const isWanted = mode === 'split' || (mode === 'lambda') === (type === 'lambda');
        const groups = [...this.#watch.all<TargetGroup>('elbv2.targetGroups').values()].filter(
          (group) => group.targetType === type && tagsOf(group)[TAG_NAME] === name,
        );
        return groups.some(({ arn }) => this.#hadTraffic(arn, isWanted)) === isWanted;
      }),
    );
    if (!isWished) {
      const said = serving.map(([group]) => nameOf(group)).join(' and ');
      this.say(`${name} is said to be Ready with ${said}; wanted: ${current.map(({ mode }) => mode).join(' or ')}`);
    }
  }

  /** A pass speaks of the record that it read: any that stood within the window will do. */
  #current(name: string, sleptMs = 0): readonly Wish[] {
    const nowMs = this.#nowMs();
    const wishes = this.#wishes.get(name) ?? [];
    return wishes.filter((_wish, index) => nowMs - (wishes[index + 1]?.sinceMs ?? nowMs) < SEEN_WITHIN_MS + sleptMs);
  }

  /** For how long it was stopped a moment ago: what it says now may be of a record that it read before. */
  #sleptMs(daemon: string): number {
    const slept = this.#slept.get(daemon);
    return slept && this.#isLately(slept.untilMs) ? slept.forMs : 0;
  }

  /** Now or within the window if `lately`; else all through the window. */
  #hadTraffic(group: string, lately: boolean): boolean {
    const change = this.#shifted.get(group);
    if (!change) return false;
    const isOld = !this.#isLately(change.atMs);
    return change.weight > 0 ? lately || isOld : lately && !isOld;
  }
}

function tagsOf({ tags = {} }: Tagged): Readonly<Record<string, string>> {
  if (!Array.isArray(tags)) return tags as Readonly<Record<string, string>>;
  return Object.fromEntries(tags.map(({ key, value }) => [key, value]));
}

function inputsOf({ environment }: Build): string | undefined {
  return environment.environmentVariables?.find(({ name }) => name === 'LAMBDACONTAINER_INPUTS')?.value;
}

function weightsOf(rule: Rule | undefined): Map<string, number> {
  return new Map(
    (rule?.actions ?? []).flatMap(({ ForwardConfig }) =>
      (ForwardConfig?.TargetGroups ?? []).map(({ TargetGroupArn = '', Weight = 0 }): [string, number] => [
        TargetGroupArn,
        Weight,
      ]),
    ),
  );
}

function isOff(target: LambdaFunction | undefined): boolean {
  return target?.reservedConcurrency === 0;
}

function isGone(after: unknown): boolean {
  return after === undefined || (after as TaskDefinition).status !== 'ACTIVE';
}

function nameOf(group: string): string {
  return group.split('/')[1] ?? group;
}

/**
 * Deliberate bugs of the product, as data: what is searched in which file, and what stands there instead. The search must
 * fit exactly once, so that a mutation that no longer applies is an error and not a success. Each is one that somebody
 * could make on a bad day.
 */
export interface Mutation {
  readonly name: string;
  /** Below src. */
  readonly file: string;
  readonly search: string;
  readonly replace: string;
}

/**
 * The file with the bug in it.
 *
 * @throws Error when the search does not fit exactly once
 */
export function mutated({ name, file, search, replace }: Mutation, text: string): string {
  const parts = text.split(search);
  if (parts.length === 2) return parts.join(replace);
  throw new Error(`'${name}': its search fits ${parts.length - 1} times in src/${file}, not once`);
}

export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'the fence lets everybody pass',
    file: 'store/lease.ts',
    search: 'if (this.#clock.monotonic() + this.#settings.callTimeoutMs < this.#validUntilMonotonicMs) return;',
    replace: 'return;',
  },
  {
    name: 'the lease is taken whatever its epoch is',
    file: 'store/lease.ts',
    search: "const UNTAKEN = '#epoch = :epoch'",
    replace: "const UNTAKEN = '(#epoch = :epoch OR #epoch > :epoch OR #epoch < :epoch)'",
  },
  {
    name: 'the lease is taken from a holder that has just renewed it',
    file: 'store/lease.ts',
    search: 'UNTAKEN} AND',
    replace: 'UNTAKEN} OR',
  },
  {
    name: 'the lease is taken before it has ended',
    file: 'store/lease.ts',
    search: 'held.expiresAtMs + this.#settings.callTimeoutMs',
    replace: 'held.expiresAtMs - 12_000',
  },
  {
    name: 'the loss of the lease is not noticed',
    file: 'store/lease.ts',
    search: 'this.#onLost();\n        return;',
    replace: 'return;',
  },
  {
    name: 'state is written whatever version and epoch stand there',
    file: 'store/versioned-items.ts',
    search: "ConditionExpression: '#version = :version AND #epoch <= :epoch'",
    replace: "ConditionExpression: '#version = :version OR #version <> :version OR #epoch <= :epoch'",
  },
  {
    name: 'what cannot be read is absent',
    file: 'execute/observe.ts',
    search: "if (error instanceof Failure) return { state: 'unknown', failure: error };",
    replace: "if (error instanceof Failure) return { state: 'absent' };",
  },
  {
    name: 'unproven groups get traffic',
    file: 'kinds/rule-weights/index.ts',
    search: 'const proven = wanted.filter((group) => isProven(group, observed));',
    replace: 'const proven = wanted;',
  },
  {
    name: 'tasks count as healthy without being asked',
    file: 'compose/compose.ts',
    search: 'proven: healthy > 0,\n            provenToEnter: healthy >= Math.max(1, spec.scaling.min),',
    replace: 'proven: true,',
  },
  {
    name: 'a function serves before it was found to',
    file: 'compose/compose.ts',
    search: "proven: get('lambda-target').proven === true && reserved !== 0,",
    replace: 'proven: true,',
  },
  {
    name: 'capacity goes before the rest has converged',
    file: 'plan/plan.ts',
    search: "if (world.goal !== 'converge' || (converged && world.complete)) {",
    replace: 'if (converged || !converged) {',
  },
  {
    name: 'weights need no time to reach the load balancer',
    file: 'plan/plan.ts',
    search: 'const TRAFFIC_PROPAGATION_MS = 5_000;',
    replace: 'const TRAFFIC_PROPAGATION_MS = 0;',
  },
  {
    name: 'a function is taken out of its group at once',
    file: 'compose/compose.ts',
    search: "      id: 'lambda-target',\n      aspect: 'FunctionReady',\n      capacity: true,",
    replace: "      id: 'lambda-target',\n      aspect: 'FunctionReady',",
  },
  {
    name: 'what was made is forgotten when it cannot be seen yet',
    file: 'plan/plan.ts',
    search: "return observation.state === 'absent' && readFromMs(world) - entry.actedAtMs < withinMs;",
    replace: 'return withinMs < 0;',
  },
  {
    name: 'a task definition is made again on the word of an old listing',
    file: 'kinds/task-definition/index.ts',
    search: '  visibleWithinMs: 30_000,\n  unnamed: true,',
    replace: '',
  },
  {
    name: 'the inventory is not written before a create',
    file: 'controller/pass.ts',
    search: 'await memory.saveInventory(key, withIntent(inventory, next, world.nowMs));',
    replace: '',
  },
  {
    name: 'what others use is deleted',
    file: 'execute/observe.ts',
    search: 'if (entry.shared && stillUsed(entry)) return',
    replace: 'if (entry.shared && entry.nodeId.length === 0 && stillUsed(entry)) return',
  },
  {
    name: 'things are deleted before their users',
    file: 'plan/plan.ts',
    search:
      'const user = [...standing].find((other) => other !== orphan && other.entry.dependsOn.includes(entry.nodeId));',
    replace: 'const user = [...standing].find((other) => other !== orphan && other.entry.nodeId === undefined);',
  },
  {
    name: 'what somebody removed too early is forgotten while its users stand',
    file: 'plan/plan.ts',
    search: 'for (const used of lasting) if (entry.dependsOn.includes(used.entry.nodeId)) standing.add(used);',
    replace: 'if (entry.nodeId === undefined) break;',
  },
  {
    name: 'weights that were just moved are written back with an attached group',
    file: 'plan/plan.ts',
    search: 'if (!kind.carriesFacets?.(changes)) return undefined;',
    replace: 'if (changes.length >= 0) return undefined;',
  },
  {
    name: 'the guard never learns that its write was done',
    file: 'controller/table-trust.ts',
    search: 'if (isFailure(error)) await this.load();',
    replace: '',
  },
  {
    name: 'an object is Ready while nobody answers',
    file: 'kinds/rule-weights/index.ts',
    search: 'if (awaited.length === 0 && sameJson(',
    replace: 'if (sameJson(',
  },
  {
    name: 'a rollback needs nothing',
    file: 'controller/prospect.ts',
    search: 'return [...memory.get(key).revisions.values()].flatMap(({ body }) => body.reachable);',
    replace: 'return [...memory.get(key).revisions.values()].flatMap(() => []);',
  },
  {
    name: 'our own marks are not asked for',
    file: 'plan/plan.ts',
    search: 'const wrong = expected.find(([key, value]) => tags[key] !== value);',
    replace: 'const wrong = expected.find(([key, value]) => tags[key] === value && value === undefined);',
  },
  {
    name: 'a protected object is deleted like any other',
    file: 'controller/deletion-guard.ts',
    search: 'if (!ruling.begins) {',
    replace: 'if (!ruling) {',
  },
  {
    name: 'a confirmed deletion stays held',
    file: 'controller/deletion-guard.ts',
    search: 'if (held && !isConfirmed) return',
    replace: 'if (held) return',
  },
  {
    name: 'an object is Ready whatever is missing',
    file: 'plan/conditions.ts',
    search: '} else if (unsettled || !world.complete) {',
    replace: '} else if (!world.complete) {',
  },
  {
    name: 'the inventory keeps what was desired instead of its hash',
    file: 'controller/intent.ts',
    search: 'propsHash: propsHash(step.props),',
    replace: 'propsHash: propsHash(step.props) + JSON.stringify(step.props),',
  },
  {
    name: 'an object that changed stays steady',
    file: 'controller/pass.ts',
    search: 'const kept = { ...after, steady, ',
    replace: 'const kept = { ...after, steady: steady ?? inventory.steady, ',
  },
  {
    name: 'what a sweep sees never differs',
    file: 'resource/fingerprint.ts',
    search:
      'return reasons.filter((reason, index) => isAsked(reason) && before[index] !== hashOf(fields[reason]?.(seen)));',
    replace: 'return reasons.filter((_reason, index) => before[index] === undefined);',
  },
  {
    name: 'what a sweep sees always differs',
    file: 'resource/fingerprint.ts',
    search:
      'return reasons.filter((reason, index) => isAsked(reason) && before[index] !== hashOf(fields[reason]?.(seen)));',
    replace: 'return reasons.filter((_reason, index) => before[index] !== undefined);',
  },
  {
    name: 'what is not settled is not looked at at resync',
    file: 'controller/controller.ts',
    search: "this.#queue.add(id, 'resync');",
    replace: 'continue;',
  },
  {
    name: 'an attached group loses its weight with every change of the rule',
    file: 'kinds/listener-rule/index.ts',
    search: 'const weights = attached(desired, forward?.weights ?? {});',
    replace: 'const weights = attached(desired, {});',
  },
  {
    name: 'what the leader before has just begun is not waited for',
    file: 'kinds/image-build/index.ts',
    search: 'if (nowMs < listedAtMs)',
    replace: 'if (nowMs < 0)',
  },
  {
    name: 'two builds of the same are begun',
    file: 'kinds/image-build/index.ts',
    search:
      "    if (found.builds[0]?.status === 'IN_PROGRESS') return;\n    await startInTurn(io, identity, desired, found, call);\n  },\n\n  async update",
    replace:
      '    await startInTurn(io, identity, desired, found, { ...call, token: call.token + io.nowMs() });\n  },\n\n  async update',
  },
  {
    name: 'the token of a build is another every time',
    file: 'kinds/image-build/index.ts',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is source text
    search: '`${call.token}/${builds.length}`',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is source text
    replace: '`${call.token}/${io.nowMs()}`',
  },
  {
    name: 'drift is answered by replacing the whole resource',
    file: 'plan/plan.ts',
    search: 'const replace = changes.some((change) => change.replace);',
    replace: 'const replace = changes.length > 0;',
  },
  {
    name: 'a throttled read finds nothing',
    file: 'aws/classify.ts',
    search: 'const NOT_FOUND = new Set([',
    replace: "const NOT_FOUND = new Set([ 'ThrottlingException', 'InternalFailure',",
  },
  {
    name: 'a record that is gone means nothing',
    file: 'controller/reconciler.ts',
    search: 'return before ? this.#vanished(key, before, call) : this.#forgetUnmade(key);',
    replace: 'return DONE;',
  },
];

/**
 * What Lambda keeps: functions, their versions and aliases, resource policies, layers; how a name and a qualifier lead
 * to a version, and how a version that is being made or updated becomes active. It words no answers.
 */
import { uuid } from '../../../core/index.ts';
import type { CloudState, Collection, ServiceDeps } from '../../contract.ts';
import type { VersionRecord } from './configuration.ts';
import { conflict, type FunctionName, functionArn, LATEST, notFound, parseFunctionName } from './names.ts';

export interface FunctionRecord {
  readonly name: string;
  /** Number of the last version that was published; 0 before the first. */
  readonly lastVersion: number;
  readonly tags: Readonly<Record<string, string>>;
  readonly reservedConcurrency: number | null;
  /** What serves while `$LATEST` is being updated. */
  readonly previous: VersionRecord | null;
}

export interface AliasRecord {
  readonly functionName: string;
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly revisionId: string;
}

export interface Statement {
  readonly Sid: string;
  readonly Effect: 'Allow';
  readonly Principal: string | Readonly<Record<string, string>>;
  readonly Action: string;
  readonly Resource: string;
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

export interface PolicyRecord {
  readonly revisionId: string;
  readonly statements: readonly Statement[];
}

export interface LayerRecord {
  readonly name: string;
  readonly version: number;
  readonly digest: string;
  readonly sizeBytes: number;
  readonly description: string;
  readonly licence: string | null;
  readonly runtimes: readonly string[];
  readonly architectures: readonly string[];
  readonly createdAtMs: number;
}

export class LambdaStore {
  readonly #deps: ServiceDeps;
  readonly functions: Collection<FunctionRecord>;
  /** By `name:version`, `$LATEST` included. */
  readonly versions: Collection<VersionRecord>;
  /** By `name:alias`. */
  readonly aliases: Collection<AliasRecord>;
  /** By `name` or `name:qualifier`. */
  readonly policies: Collection<PolicyRecord>;
  /** By `name:version`. */
  readonly layers: Collection<LayerRecord>;
  /** When a version's pending state ends, by its key. */
  readonly #due: Collection<number>;

  constructor(deps: ServiceDeps) {
    this.#deps = deps;
    const { state }: { state: CloudState } = deps;
    this.functions = state.collection('lambda.functions');
    this.versions = state.collection('lambda.versions');
    this.aliases = state.collection('lambda.aliases');
    this.policies = state.collection('lambda.policies');
    this.layers = state.collection('lambda.layers');
    this.#due = state.collection('lambda.due');
  }

  get scope() {
    return this.#deps.settings;
  }

  revision(): string {
    return uuid(this.#deps.random);
  }

  name(text: string | undefined, qualifier?: string): FunctionName {
    return parseFunctionName(text, qualifier, this.scope);
  }

  arn(name: FunctionName): string {
    return functionArn(name, this.scope);
  }

  /** @throws AwsError ResourceNotFoundException */
  function(name: FunctionName): FunctionRecord {
    const found = this.functions.get(name.name);
    if (!found) throw notFound(this.arn(name));
    return found;
  }

  /**
   * The version that a qualifier means: itself, an alias's, or `$LATEST` without one.
   * @throws AwsError ResourceNotFoundException
   */
  version(name: FunctionName): VersionRecord {
    const alias = name.qualifier === undefined ? undefined : this.aliases.get(`${name.name}:${name.qualifier}`);
    const found = this.versions.get(`${name.name}:${alias?.version ?? name.qualifier ?? LATEST}`);
    if (!found) throw notFound(this.arn(name));
    return found;
  }

  /** `$LATEST` first, then the published ones, oldest first. */
  versionsOf(functionName: string): VersionRecord[] {
    return this.#of(this.versions, functionName);
  }

  aliasesOf(functionName: string): AliasRecord[] {
    return this.#of(this.aliases, functionName).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** @throws AwsError ResourceConflictException while the function is being made or updated */
  requireSettled(latest: VersionRecord): void {
    const at = 'The operation cannot be performed at this time.';
    if (latest.state === 'Pending') throw conflict(`${at} The function is currently in the following state: Pending`);
    if (latest.updateStatus !== 'InProgress') return;
    throw conflict(
      `${at} An update is in progress for resource: ${this.arn({ name: latest.name, qualifier: undefined })}`,
    );
  }

  /** Keeps a version that is pending from now on; `advance` ends that. */
  begin(record: VersionRecord, nowMs: number): void {
    const key = `${record.name}:${record.version}`;
    this.versions.set(key, record);
    this.#due.set(key, nowMs + this.scope.delays.lambdaPendingMs);
  }

  advance(nowMs: number): void {
    for (const key of this.#due.keys()) {
      if ((this.#due.get(key) ?? Number.POSITIVE_INFINITY) > nowMs) continue;
      this.#due.delete(key);
      const record = this.versions.get(key);
      if (!record) continue;
      this.versions.set(key, { ...record, state: 'Active', updateStatus: 'Successful' });
      const owner = this.functions.get(record.name);
      if (owner?.previous && record.version === LATEST) this.functions.set(owner.name, { ...owner, previous: null });
    }
  }

  nextAtMs(): number | undefined {
    const due = this.#due.values();
    return due.length === 0 ? undefined : Math.min(...due);
  }

  deleteFunction(name: string): void {
    const prefix = `${name}:`;
    for (const collection of [this.versions, this.aliases, this.policies, this.#due]) {
      for (const key of collection.keys()) if (key.startsWith(prefix)) collection.delete(key);
    }
    this.policies.delete(name);
    this.functions.delete(name);
  }

  deleteVersion(record: VersionRecord): void {
    const key = `${record.name}:${record.version}`;
    this.versions.delete(key);
    this.policies.delete(key);
    this.#due.delete(key);
  }

  #of<T>(collection: Collection<T>, functionName: string): T[] {
    const prefix = `${functionName}:`;
    return collection
      .keys()
      .filter((key) => key.startsWith(prefix))
      .flatMap((key) => collection.get(key) ?? []);
  }
}

/**
 * `bootstrap`: from nothing to a running controller in an account, and from one version to the next. It prints the stacks,
 * or brings the account to them one after the other: repositories, our own images, the controller, its alarms, and where
 * asked for what a class names. It begins again wherever it was left, and what is as it has to be is left alone.
 */
import { writeFile } from 'node:fs/promises';
import type { Change, Stack, StackEvent } from '@aws-sdk/client-cloudformation';
import { ecrCredentials } from '../../aws/index.ts';
import { UserError } from '../../core/index.ts';
import {
  OWN_IMAGES,
  type OwnImageName,
  parseReference,
  RegistryClient,
  type Repository,
  writeImageLayout,
} from '../../oci/index.ts';
import {
  composeProductImages,
  DEFAULT_BASE,
  type ProductImages,
  pushProductImages,
} from '../bootstrap/product-images.ts';
import { prepareChange, type StackWork, settledStack } from '../bootstrap/stack-change.ts';
import {
  DERIVED,
  judgeParameters,
  parametersOf,
  readParameters,
  type StackId,
  type StackPlan,
  stacksOf,
} from '../bootstrap/stacks.ts';
import { coloursFor } from '../output/colours.ts';
import type { CliIo } from '../output/io.ts';
import type { Connection } from './connection.ts';
import { announceMutation, askConsent, type MutationFlags } from './mutation.ts';
import { programVersion } from './version.ts';

export interface BootstrapArgs extends MutationFlags {
  /** Name of the controller's stack; the others' names begin with it. */
  readonly name: string;
  /** `NAME=VALUE` */
  readonly parameter?: readonly string[] | undefined;
  /** Also make what a class names, and write its manifest to this file; `-` is standard output. */
  readonly class?: string | undefined;
  readonly baseImage?: string | undefined;
  readonly daemonBase?: string | undefined;
}

export interface PrintArgs extends Pick<BootstrapArgs, 'name'> {
  readonly stack?: StackId | undefined;
}

/** What stands behind the command beside the account; a test has registries of its own. */
export interface BootstrapParts {
  readonly registry?: RegistryClient;
  /** Where images are pushed to, instead of what the stack of the repositories says. */
  readonly repositories?: Readonly<Record<OwnImageName, Repository>>;
  /** The installation whose bundles images are made of; this one unless a test has another. */
  readonly folder?: string;
}

/** Names of rules begin with it. */
const STACK_NAME = /^[a-zA-Z][a-zA-Z0-9-]{0,32}$/;
const REGISTRY_ATTEMPTS = 3;

/** Writes the templates as they would be sent; no call is made. With several, as documents of one stream. */
export async function printStacks({ name, stack }: PrintArgs, io: CliIo): Promise<number> {
  const stacks = stacksOf(named(name), true).filter(({ id }) => stack === undefined || id === stack);
  io.stdout(
    stacks
      .map(({ id, stackName, template }) => {
        const head = `# stack ${stackName}${id === 'class' ? ' (with --class)' : ''}, from deploy/${template.file}\n`;
        return `${stacks.length > 1 ? '---\n' : ''}${head}${template.text}`;
      })
      .join(''),
  );
  io.stderr('nothing was done; lambdacontainer bootstrap --apply brings an account to these stacks\n');
  return 0;
}

/** Writes our own images to a folder as an OCI layout; it needs the registry of the base and nothing of AWS. */
export async function writeOwnImages(
  folder: string,
  args: Pick<BootstrapArgs, 'baseImage' | 'daemonBase'>,
  io: CliIo,
  registry: RegistryClient = new RegistryClient({ attempts: REGISTRY_ATTEMPTS }),
): Promise<number> {
  try {
    const { signal } = io;
    const images = await composeProductImages(registry, basesOf(args), { signal });
    await writeImageLayout(folder, images, registry, { signal });
    for (const name of OWN_IMAGES) io.stdout(`image/${name} ${images[name].index.digest}\n`);
    return 0;
  } finally {
    await registry.close();
  }
}

/** Exit status 0 when everything is as it has to be, whether it was before or is now. */
export async function bootstrap(
  args: BootstrapArgs,
  io: CliIo,
  connection: Connection,
  parts: BootstrapParts = {},
): Promise<number> {
  if (connection.isLocal) {
    throw new UserError(
      'a local cloud has no stacks: lambdacontainer local prepares itself; bootstrap --tables makes tables alone',
    );
  }
  const stacks = stacksOf(named(args.name), args.class !== undefined);
  const given = readParameters(args.parameter ?? []);
  judgeParameters(given, stacks);
  await announceMutation(io, connection, 'bootstrapping', args);
  const registry = parts.registry ?? registryOf(connection, io);
  try {
    const account = new AccountStacks(args, io, connection, given, await workOf(io, connection));
    await account.look(stacks);
    const images = await composeProductImages(registry, basesOf(args), { folder: parts.folder, signal: io.signal });
    for (const plan of stacks) {
      await account.bring(plan, derivedOf(plan.id, account.outputs, images));
      if (plan.id === 'images') await push(images, account.outputs, parts, registry, args, io);
    }
    await handOver(args, account.outputs.class?.ClassManifest, io);
    return 0;
  } finally {
    await registry.close();
  }
}

type Outputs = Readonly<Record<string, string>>;

/** The stacks of one account while they are brought to what is wished. */
class AccountStacks {
  readonly #args: BootstrapArgs;
  readonly #io: CliIo;
  readonly #connection: Connection;
  readonly #given: Map<string, string>;
  readonly #work: StackWork;
  readonly #before = new Map<StackId, Stack | undefined>();
  readonly #done: string[] = [];
  /** Of the stacks that stand, by their ids. */
  readonly outputs: Partial<Record<StackId, Outputs>> = {};

  constructor(
    args: BootstrapArgs,
    io: CliIo,
    connection: Connection,
    given: ReadonlyMap<string, string>,
    work: StackWork,
  ) {
    this.#args = args;
    this.#io = io;
    this.#connection = connection;
    this.#given = new Map(given);
    this.#work = work;
  }

  /** What is there, and whether everything that will be needed is given. @throws UserError before anything is changed */
  async look(stacks: readonly StackPlan[]): Promise<void> {
    for (const { id, stackName } of stacks) {
      const stack = await settledStack(this.#work, stackName);
      this.#before.set(id, stack);
      if (stack) this.outputs[id] = outputsOf(stack);
    }
    this.#nameTables();
    for (const plan of stacks) {
      // Values that follow from what is made before are not there yet.
      const derived = Object.fromEntries(DERIVED[plan.id].map((name) => [name, '']));
      parametersOf(plan, this.#given, derived, parametersBefore(this.#before.get(plan.id)));
    }
  }

  /** Brings one stack to its template. @throws UserError when it fails, or is not consented to */
  async bring(plan: StackPlan, derived: Outputs | undefined): Promise<void> {
    const { id, stackName, template } = plan;
    const before = this.#before.get(id);
    const say = (what: string) =>
      this.#io.stdout(`stack/${stackName} ${what}${this.#args.dryRun ? ' (dry run)' : ''}\n`);
    // Of a dry run alone: what it needs to know is known when the stacks before it are there.
    if (derived === undefined) {
      if (this.#args.dryRun) return say('would be made after the stacks before it');
      throw new UserError(
        `stack ${stackName}: a stack before it lacks outputs that this version has; ${this.#soFar()}`,
      );
    }
    const change = await prepareChange(
      this.#work,
      {
        stackName,
        templateBody: template.text,
        parameters: parametersOf(plan, this.#given, derived, parametersBefore(before)),
        tags: { application: 'lambdacontainer' },
      },
      before,
    );
    if (change === undefined) return say('unchanged');
    try {
      refuseLostTables(stackName, change.changes);
      this.#io.stderr(shown(stackName, change.changes));
      if (this.#args.dryRun) {
        await change.discard();
        return say(change.isNew ? 'would be created' : 'would be updated');
      }
      await askConsent(this.#io, this.#connection, this.#args, this.#soFar());
      if (this.#io.signal.aborted) throw new UserError(`interrupted; ${this.#soFar()}`);
    } catch (error) {
      await change.discard();
      throw error;
    }
    await change.execute();
    const after = await settledStack(this.#work, stackName);
    if (after) this.outputs[id] = outputsOf(after);
    this.#done.push(stackName);
    say(change.isNew ? 'created' : 'updated');
  }

  /** New tables have the names that the context says; those that are there keep theirs. */
  #nameTables(): void {
    const { tables } = this.#connection;
    const outputs = this.outputs.controller;
    for (const [name, table] of [
      ['DesiredTableName', tables.desired],
      ['StateTableName', tables.state],
    ] as const) {
      const standing = outputs?.[name];
      const wanted = this.#given.get(name) ?? table;
      if (standing !== undefined && standing !== wanted) {
        throw new UserError(
          `nothing was changed: ${name} of stack ${this.#args.name} is ${standing}, but ${wanted} was asked for; a table cannot be renamed: correct the context (or --parameter), or give the stack another --name`,
        );
      }
      this.#given.set(name, wanted);
    }
  }

  #soFar(): string {
    return this.#done.length === 0 ? 'nothing was changed' : `only ${this.#done.join(', ')} was changed`;
  }
}

/** Undefined: a stack that it follows from is not there yet. */
function derivedOf(
  id: StackId,
  outputs: Partial<Record<StackId, Outputs>>,
  images: ProductImages,
): Outputs | undefined {
  switch (id) {
    case 'images':
      return {};
    case 'controller': {
      const uri = outputs.images?.ControllerRepositoryUri;
      return (
        (uri && { ImageDigest: images.controller.index.digest, ImageRepository: repositoryOf(uri).repository }) ||
        undefined
      );
    }
    case 'monitoring': {
      const made = outputs.controller;
      const names = DERIVED.monitoring;
      if (made === undefined || names.some((name) => made[name] === undefined)) return undefined;
      return Object.fromEntries(names.map((name) => [name, made[name] ?? '']));
    }
    case 'class': {
      const uri = outputs.images?.AdapterRepositoryUri;
      if (uri === undefined) return undefined;
      return {
        AdapterDigest: images.adapter.index.digest,
        BuilderDigest: images.builder.index.digest,
        ImagesPrefix: repositoryOf(uri).repository.replace(/\/adapter$/, ''),
      };
    }
  }
}

async function push(
  images: ProductImages,
  outputs: Partial<Record<StackId, Outputs>>,
  { repositories: own }: BootstrapParts,
  registry: RegistryClient,
  { dryRun }: BootstrapArgs,
  io: CliIo,
): Promise<void> {
  const said = (name: OwnImageName, what: string) =>
    io.stdout(`image/${name} ${images[name].index.digest} ${what}${dryRun ? ' (dry run)' : ''}\n`);
  if (dryRun) {
    for (const name of OWN_IMAGES) said(name, 'would be pushed unless it is there');
    return;
  }
  const made = outputs.images ?? {};
  const repositories = own ?? {
    controller: repositoryOf(made.ControllerRepositoryUri),
    adapter: repositoryOf(made.AdapterRepositoryUri),
    builder: repositoryOf(made.BuilderRepositoryUri),
  };
  io.stderr(`pushing images to ${repositories.controller.host}\n`);
  await pushProductImages(
    registry,
    images,
    repositories,
    programVersion(),
    (name, isSent) => said(name, isSent ? 'pushed' : 'unchanged'),
    { signal: io.signal },
  );
}

/** The class's manifest is the platform team's to keep, so it is written and not applied. */
async function handOver(
  { class: file, dryRun }: BootstrapArgs,
  manifest: string | undefined,
  io: CliIo,
): Promise<void> {
  if (file === undefined || manifest === undefined || dryRun) {
    if (file === undefined && !dryRun)
      io.stderr('next: a class, by --class class.yaml, or by hand: examples/class.yaml\n');
    return;
  }
  if (file === '-') {
    io.stdout(`---\n${manifest}`);
    return;
  }
  await writeFile(file, manifest);
  io.stderr(`next: lambdacontainer apply -f ${file} && lambdacontainer verify\n`);
}

/**
 * A table that is replaced is an empty table.
 * @throws UserError when a change would do that
 */
function refuseLostTables(stackName: string, changes: readonly Change[]): void {
  for (const { ResourceChange } of changes) {
    const { ResourceType, Replacement, Action, LogicalResourceId, PhysicalResourceId } = ResourceChange ?? {};
    if (ResourceType !== 'AWS::DynamoDB::Table' || Action !== 'Modify' || Replacement !== 'True') continue;
    throw new UserError(
      `stack ${stackName}: ${LogicalResourceId} would be another, empty table instead of ${PhysicalResourceId}; nothing was changed: leave its name and keys as they are`,
    );
  }
}

function shown(stackName: string, changes: readonly Change[]): string {
  const signs: Readonly<Record<string, string>> = { Add: '+', Modify: '~', Remove: '-', Import: '=', Dynamic: '?' };
  const lines = changes.map(({ ResourceChange }) => {
    const { Action = '', LogicalResourceId = '', ResourceType = '', Replacement } = ResourceChange ?? {};
    const how = Replacement === 'True' ? ' (replaced)' : Replacement === 'Conditional' ? ' (may be replaced)' : '';
    return `  ${signs[Action] ?? Action} ${LogicalResourceId} ${ResourceType}${how}\n`;
  });
  return `stack ${stackName}:\n${lines.join('')}`;
}

async function workOf(io: CliIo, connection: Connection): Promise<StackWork> {
  const colours = coloursFor(io);
  return {
    cloudFormation: (await connection.accountPorts()).cloudformation,
    clock: io.clock,
    signal: io.signal,
    onEvent: ({ Timestamp, ResourceStatus: state, LogicalResourceId = '', ResourceStatusReason }: StackEvent) => {
      const ResourceStatus: string = state ?? '';
      const time = Timestamp?.toISOString().slice(11, 19) ?? '';
      const isFailed = ResourceStatus.endsWith('_FAILED');
      const status = isFailed ? colours.bad(ResourceStatus) : ResourceStatus;
      io.stderr(`${time} ${status} ${LogicalResourceId}${isFailed ? `: ${ResourceStatusReason ?? ''}` : ''}\n`);
    },
  };
}

function registryOf({ ports }: Connection, { clock }: CliIo): RegistryClient {
  return new RegistryClient({ credentials: ecrCredentials(() => ports.ecr, clock), attempts: REGISTRY_ATTEMPTS });
}

function basesOf({ baseImage, daemonBase }: Pick<BootstrapArgs, 'baseImage' | 'daemonBase'>) {
  const others = baseImage ?? DEFAULT_BASE;
  return { others, daemon: daemonBase ?? others };
}

/** @throws UserError when the stack of the repositories does not say it */
function repositoryOf(uri: string | undefined): Repository {
  if (uri === undefined) {
    throw new UserError('the stack of the repositories has no outputs: it is not made of deploy/images.yaml');
  }
  return parseReference(uri);
}

function named(name: string): string {
  if (STACK_NAME.test(name)) return name;
  throw new UserError(`--name '${name}': use up to 33 letters, digits and hyphens, beginning with a letter`, 2);
}

function outputsOf({ Outputs }: Stack): Outputs {
  return Object.fromEntries((Outputs ?? []).map(({ OutputKey, OutputValue }) => [OutputKey ?? '', OutputValue ?? '']));
}

function parametersBefore(stack: Stack | undefined): ReadonlySet<string> {
  return new Set((stack?.Parameters ?? []).map(({ ParameterKey }) => ParameterKey ?? ''));
}

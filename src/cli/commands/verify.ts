/**
 * `verify`: everything that objects stand on, looked at before anything is made: tables, class, roles, images, secrets,
 * listener, cluster, function, quotas as far as they can be read, and other objects in the way. It only reads. What it
 * does not look at, it names.
 */
import {
  API_VERSION,
  KIND_CLASS,
  KIND_CONTAINER,
  KIND_GIT_SOURCE,
  type LambdaContainerClassSpec,
  type ManifestObject,
  validateLambdaContainer,
} from '../../api/index.ts';
import type { Target } from '../../controller/index.ts';
import { UserError } from '../../core/index.ts';
import type { LambdaFunctionObserved } from '../../kinds/index.ts';
import { type Colours, coloursFor, type Paint } from '../output/colours.ts';
import { asJson } from '../output/documents.ts';
import type { CliIo } from '../output/io.ts';
import { table } from '../output/table.ts';
import { shortArn } from '../plan/plan-text.ts';
import { planManifests, planRecords } from '../plan/planned-set.ts';
import type { PlannedObject } from '../plan/planning.ts';
import { Account } from '../verify/account.ts';
import { classChecks } from '../verify/class-checks.ts';
import { type Finding, type Level, worstOf } from '../verify/findings.ts';
import { networkChecks } from '../verify/network-checks.ts';
import { type ObjectUse, objectChecks } from '../verify/object-checks.ts';
import { quotaChecks } from '../verify/quota-checks.ts';
import { tableChecks } from '../verify/table-checks.ts';
import { type ChoiceArgs, choose, reportMissing } from './chosen.ts';
import { ClassLookup, classNameOf } from './classes.ts';
import type { Connection } from './connection.ts';
import { readManifests, reportDefects } from './manifest-files.ts';
import { display, select } from './references.ts';

export const VERIFY_OUTPUTS = ['text', 'json'] as const;

export interface VerifyArgs extends ChoiceArgs {
  readonly files: readonly string[];
  readonly recursive?: boolean | undefined;
  readonly output?: (typeof VERIFY_OUTPUTS)[number] | undefined;
}

/** A local cloud has neither quotas nor a network, and those of another account are for its own people to look at. */
const NOT_CHECKED_HERE = ['the Fargate vCPU quota of the account (Service Quotas)', 'subnets and routes (EC2)'];
/** Read by other services than those that are talked to. */
const NOT_CHECKED = [
  'security groups and firewalls (EC2)',
  'parameters under spec.secrets (Systems Manager)',
  'whether the execution role may pull images, read secrets and write logs (its policies)',
];

interface Subject {
  readonly objects: readonly PlannedObject[];
  readonly classes: ClassLookup;
  /** Classes to look at beside those of the objects. */
  readonly classNames: readonly string[];
  readonly missing: number;
}

/** Exit status 1 when a check fails. */
export async function verify(args: VerifyArgs, io: CliIo, connection: Connection): Promise<number> {
  const subject = args.files.length > 0 ? await ofFiles(args, io, connection) : await ofRecords(args, io, connection);
  if (!subject) return 1;
  const findings = await findingsOf(subject, connection);
  if (args.output === 'json') io.stdout(asJson(documentOf(findings, notChecked(connection))));
  else showText(findings, notChecked(connection), io);
  return worstOf(findings) === 'fail' || subject.missing > 0 ? 1 : 0;
}

async function findingsOf(subject: Subject, connection: Connection): Promise<Finding[]> {
  const accounts = new Map<Target, Account>();
  const accountOf = (klass: LambdaContainerClassSpec | undefined): Account => {
    const target = klass ? connection.targets.of(klass) : connection.targets.home;
    const account = accounts.get(target) ?? new Account(target.io);
    accounts.set(target, account);
    return account;
  };
  const uses = await Promise.all(subject.objects.map((planned) => useOf(planned, subject.classes)));
  const names = new Set([...subject.classNames, ...uses.map(({ className }) => className)]);
  const classes = [...names].sort().map(async (name) => {
    const spec = await subject.classes.get(name);
    if (typeof spec === 'string') return unusableClass(name, spec);
    const ofClass = uses.filter(({ className }) => className === name);
    const found = classChecks({ name, spec, architectures: architecturesOf(ofClass) }, accountOf(spec));
    if (!isLookedInto(connection) || connection.targets.of(spec) !== connection.targets.home) return found;
    const { ec2 } = await connection.accountPorts();
    return [...(await found), ...(await networkChecks(name, spec, ec2))];
  });
  const findings = await Promise.all([
    tableChecks(connection),
    ...classes,
    ...uses.map((use) => objectChecks(use, accountOf(use.judged?.klass))),
    ...(isLookedInto(connection) ? [quotasOf(uses, connection)] : []),
  ]);
  return findings.flat();
}

/** The account behind a connection has quotas and networks. */
function isLookedInto({ isLocal }: Connection): boolean {
  return !isLocal;
}

async function quotasOf(uses: readonly Use[], connection: Connection): Promise<Finding[]> {
  const { targets } = connection;
  const ours = uses.flatMap(({ judged }) => (judged && targets.of(judged.klass) === targets.home ? [judged.spec] : []));
  return ours.length === 0 ? [] : quotaChecks(ours, await connection.accountPorts());
}

function notChecked(connection: Connection): readonly string[] {
  return isLookedInto(connection) ? NOT_CHECKED : [...NOT_CHECKED_HERE, ...NOT_CHECKED];
}

type Use = ObjectUse & { readonly className: string };

async function useOf(planned: PlannedObject, classes: ClassLookup): Promise<Use> {
  const className = classNameOf(planned.object?.spec);
  const klass = await classes.get(className);
  const spec =
    typeof klass === 'string'
      ? undefined
      : validateLambdaContainer(planned.object?.spec, klass, planned.key.namespace).spec;
  return {
    planned,
    className,
    judged: spec && typeof klass !== 'string' ? { spec, klass } : undefined,
  };
}

/** Of the tasks: as their specs say, else as their functions have it. */
function architecturesOf(uses: readonly Use[]): ('x86_64' | 'arm64')[] {
  const found = uses.map(({ planned, judged }) => {
    const view = planned.facts.planned?.world.nodes.find(({ node }) => node.kind === 'lambda-function');
    const observed = view?.observation?.state === 'present' ? view.observation.observed : undefined;
    return judged?.spec.compute.architecture ?? (observed as LambdaFunctionObserved | undefined)?.architecture;
  });
  const known = found.map((architecture) => (architecture === 'arm64' ? 'arm64' : 'x86_64'));
  return known.length > 0 ? [...new Set(known)].sort() : ['x86_64'];
}

function unusableClass(name: string, why: 'invalid' | 'missing'): Finding[] {
  const subject = `lambdacontainerclass/${name}`;
  const message = why === 'missing' ? 'there is no such class' : 'its spec is not valid';
  const remedy =
    why === 'missing' ? 'create it, or correct spec.className' : `see lambdacontainer describe class/${name}`;
  return [{ subject, check: 'Class', level: 'fail', field: 'spec.className', value: name, message, remedy }];
}

// --------------------------------------------------------------------------------------------------------- selection

async function ofFiles(args: VerifyArgs, io: CliIo, connection: Connection): Promise<Subject | undefined> {
  if (args.words.length > 0 || args.all || args.allNamespaces || args.selector !== undefined) {
    throw new UserError('give -f alone, or choose objects of the table: by name, with --all, -l or -A', 2);
  }
  const { objects, defects } = await readManifests(args, io, connection.defaultNamespace);
  if (defects.length > 0) {
    reportDefects(defects, io);
    io.stderr('error: nothing was verified\n');
    return undefined;
  }
  const containers = objects.filter(({ kind }) => kind === KIND_CONTAINER);
  return {
    objects: (await planManifests(containers.concat(classesOf(objects)), connection)).objects.filter(isContainer),
    classes: new ClassLookup(objects, connection),
    classNames: classesOf(objects).map(({ name }) => name),
    missing: 0,
  };
}

async function ofRecords(args: VerifyArgs, io: CliIo, connection: Connection): Promise<Subject> {
  const classes = new ClassLookup([], connection);
  const { kind, references } = select(args.words, args.namespace ?? connection.defaultNamespace);
  if (kind === KIND_GIT_SOURCE || references.some((reference) => reference.kind === KIND_GIT_SOURCE)) {
    throw new UserError('a GitSource stands on nothing that is checked here; name a LambdaContainer or a class', 2);
  }
  if (kind === KIND_CLASS || references.some((reference) => reference.kind === KIND_CLASS)) {
    const { views, missing } = await choose(args, { verb: 'verify', isChange: false }, connection);
    const stranger = [...views, ...missing].find((one) => one.kind !== KIND_CLASS);
    if (stranger) throw new UserError(`name classes or LambdaContainers, not both: ${display(stranger)}`, 2);
    reportMissing(missing, io);
    return { objects: [], classes, classNames: views.map(({ name }) => name), missing: missing.length };
  }
  const { objects, missing } = await planRecords(args, io, connection);
  return { objects, classes, classNames: [], missing };
}

function classesOf(objects: readonly ManifestObject[]): ManifestObject[] {
  return objects.filter(({ kind }) => kind === KIND_CLASS);
}

function isContainer({ object }: PlannedObject): boolean {
  return object?.kind === KIND_CONTAINER;
}

// ------------------------------------------------------------------------------------------------------------ output

function documentOf(findings: readonly Finding[], skipped: readonly string[]): Record<string, unknown> {
  const count = (level: Level) => findings.filter((finding) => finding.level === level).length;
  return {
    apiVersion: API_VERSION,
    kind: 'Verification',
    result: worstOf(findings),
    counts: { ok: count('ok'), warn: count('warn'), fail: count('fail') },
    findings,
    notChecked: skipped,
  };
}

function showText(findings: readonly Finding[], skipped: readonly string[], io: CliIo): void {
  const colours = coloursFor(io);
  const subjects = [...new Set(findings.map(({ subject }) => subject))];
  for (const subject of subjects) {
    const own = findings.filter((finding) => finding.subject === subject);
    io.stdout(
      `${colours.strong(subject)}\n${table(
        own.map((finding) => rowOf(finding, colours)),
        '  ',
      )}`,
    );
  }
  const count = (level: Level) => findings.filter((finding) => finding.level === level).length;
  io.stdout(`\n${count('ok')} ok, ${count('warn')} to look at, ${count('fail')} failed\n`);
  io.stdout(colours.dim(`not looked at: ${skipped.join('; ')}\n`));
}

function rowOf({ check, level, field, value, message, remedy }: Finding, colours: Colours): string[] {
  const paint: Record<Level, Paint> = { ok: colours.good, warn: colours.busy, fail: colours.bad };
  const where = [field, value && shortArn(value)].filter((word) => word !== undefined && word !== '').join(' ');
  const text = `${where === '' ? '' : `${where}: `}${message}`;
  return [paint[level](level), check, remedy === undefined ? text : `${text}\n${colours.dim(`→ ${remedy}`)}`];
}

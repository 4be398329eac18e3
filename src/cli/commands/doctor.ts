/**
 * `doctor`: looks at everything that a verb or the controller stands on, from this program to the lease, and says of
 * each thing that is not well what to do. It only reads. What cannot be looked at because something before it failed
 * is left out, not guessed.
 */
import { classKey } from '../../api/index.ts';
import { type Failure, formatDuration, isFailure, UserError } from '../../core/index.ts';
import { type LeaseRecord, readLease } from '../../store/index.ts';
import { ContextFile, contextFilePath } from '../context/context-file.ts';
import { eventFindings, permissionFindings, quotaFindings, stackFindings } from '../doctor/account-findings.ts';
import type { Finding } from '../doctor/finding.ts';
import { type Colours, coloursFor } from '../output/colours.ts';
import { asJson } from '../output/documents.ts';
import { explain, nameOfCall, remedyOfCheck } from '../output/errors.ts';
import type { Form } from '../output/form.ts';
import type { CliIo } from '../output/io.ts';
import { table } from '../output/table.ts';
import { checkTable, type Lack } from '../tables/table-check.ts';
import { TABLE_SHAPES, type TableShape } from '../tables/table-shapes.ts';
import type { Connection } from './connection.ts';
import { readDriftFinding, sweepSentences } from './drift-finding.ts';
import { programVersion } from './version.ts';

export interface DoctorArgs {
  readonly output?: Form | undefined;
  /** Name of the controller's stack. @default lambdacontainer */
  readonly stack?: string | undefined;
}

const NODE_LEAST = [20, 19] as const;
/** AWS refuses signatures that are five minutes off. */
const SKEW_MAX_MS = 5 * 60_000;

/** Exit status 1 when something fails; `connect` opens the tables, or throws why it cannot be said which. */
export async function doctor(args: DoctorArgs, io: CliIo, connect: () => Connection): Promise<number> {
  const findings: Finding[] = [];
  const isText = args.output?.name !== 'json';
  const colours = coloursFor(io);
  const note = (...found: Finding[]): void => {
    findings.push(...found);
    if (isText) for (const finding of found) io.stdout(line(finding, colours));
  };
  note(node(), contextFile(io));
  let context: string | undefined;
  let connection: Connection | undefined;
  try {
    connection = connect();
    context = connection.context;
    note({ name: 'context', status: 'ok', message: `${context}${connection.isProtected ? ', protected' : ''}` });
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    note({ name: 'context', status: 'fail', message: error.message });
  }
  try {
    if (connection) await examine(connection, args.stack ?? 'lambdacontainer', io, note);
  } finally {
    await connection?.close();
  }
  if (!isText) io.stdout(asJson({ ...(context === undefined ? {} : { context }), checks: findings }));
  const failed = findings.filter(({ status }) => status === 'fail').length;
  if (isText) io.stderr(failed === 0 ? '' : `${failed === 1 ? 'one check' : `${failed} checks`} failed\n`);
  return failed === 0 ? 0 : 1;
}

type Note = (...found: Finding[]) => void;

async function examine(connection: Connection, stack: string, io: CliIo, note: Note): Promise<void> {
  const isReached = await credentials(connection, note);
  if (!isReached) return;
  // Guards are for what cannot be made anew; a local cloud's folder is thrown away when somebody wants it.
  const isGuarded = !connection.isLocal;
  let areThere = true;
  for (const shape of TABLE_SHAPES) {
    areThere = (await oneTable(shape, isGuarded, connection, note)) && areThere;
  }
  if (!areThere) return;
  await attempt('controller', note, async () =>
    controller(await readLease(connection.ports.dynamodb, connection.tables.state), io),
  );
  await attempt('drift', note, () => drift(connection));
  await attempt('classes', note, async () => [await standardClass(connection)]);
  // A local cloud has no stacks, quotas or people.
  if (!connection.isLocal) await account(connection, stack, note);
}

/** What is beyond the tables is good to know and nothing to stand on: what may not be read is no failure. */
async function account(connection: Connection, stack: string, note: Note): Promise<void> {
  const ports = await connection.accountPorts();
  let outputs: Readonly<Record<string, string>> = {};
  await glance('stack', note, async () => {
    const found = await stackFindings(ports, stack);
    outputs = found.outputs;
    return found.findings;
  });
  await glance('events', note, () => eventFindings(connection.ports, outputs));
  await glance('permissions', note, () => permissionFindings(ports, connection));
  await glance('quotas', note, () => quotaFindings(ports, connection));
}

async function glance(name: string, note: Note, look: () => Promise<readonly Finding[]>): Promise<void> {
  try {
    note(...(await look()));
  } catch (error) {
    if (!isFailure(error)) throw error;
    const message = `not looked at: ${nameOfCall(error)} answered ${error.code}`;
    note({ name, status: 'warn', message, remedy: remedyOfCheck(error) });
  }
}

function node(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const isEnough = major > NODE_LEAST[0] || (major === NODE_LEAST[0] && minor >= NODE_LEAST[1]);
  const message = `lambdacontainer ${programVersion()} on Node ${process.version}`;
  if (isEnough) return { name: 'program', status: 'ok', message };
  return { name: 'program', status: 'fail', message, remedy: `use Node ${NODE_LEAST.join('.')} or later` };
}

function contextFile({ env }: CliIo): Finding {
  const name = 'contexts';
  const path = contextFilePath(env);
  if (path === undefined) return { name, status: 'ok', message: 'no home folder, so no contexts' };
  try {
    const { contexts, current } = ContextFile.read(path);
    const counted = contexts.length === 1 ? 'one context' : `${contexts.length} contexts`;
    const now = current === undefined ? 'none is current' : `'${current}' is current`;
    return { name, status: 'ok', message: contexts.length === 0 ? `none in ${path}` : `${counted} in ${path}, ${now}` };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { name, status: 'fail', message: error.message, remedy: `correct ${path}` };
  }
}

/** Whether it makes sense to go on: somebody answered, and knows us. */
async function credentials(connection: Connection, note: Note): Promise<boolean> {
  try {
    const { Account, Arn } = await connection.ports.sts.getCallerIdentity({});
    const message = `${Arn ?? 'somebody'} in account ${Account ?? '?'}`;
    if (connection.account !== undefined && connection.account !== Account) {
      const remedy = 'check the profile of the context, or its account';
      note({
        name: 'credentials',
        status: 'fail',
        message: `${message}, but the context is for account ${connection.account}`,
        remedy,
      });
      return false;
    }
    note({ name: 'credentials', status: 'ok', message });
    return true;
  } catch (error) {
    if (!isFailure(error)) throw error;
    // A stand-in for DynamoDB has no STS; the tables tell more then.
    if (error.code === 'UnknownOperationException' || error.kind === 'invalid' || error.kind === 'notFound') {
      note({ name: 'credentials', status: 'warn', message: `the endpoint does not say whose they are: ${error.code}` });
      return true;
    }
    note(failed('credentials', error, connection));
    return false;
  }
}

async function oneTable(shape: TableShape, isGuarded: boolean, connection: Connection, note: Note): Promise<boolean> {
  const name = `${shape.role} table`;
  const tableName = connection.tables[shape.role];
  let isThere = false;
  await attempt(
    name,
    note,
    async () => {
      const check = await checkTable(connection.ports.dynamodb, tableName, shape, isGuarded);
      const remedy = 'run: lambdacontainer bootstrap --tables';
      if (check.lacks.includes('table'))
        return [{ name, status: 'fail', message: `${tableName} does not exist`, remedy }];
      isThere = check.defects.length === 0;
      if (check.defects.length > 0) {
        return check.defects.map((message) => ({ name, status: 'fail', message: `${tableName}: ${message}` }));
      }
      const isActive = check.status === 'ACTIVE' || check.status === 'UPDATING';
      const first: Finding = {
        name,
        status: isActive ? 'ok' : 'fail',
        message: `${tableName} is ${check.status}`,
        ...(isActive ? {} : { remedy: 'wait until it is ACTIVE' }),
      };
      return [first, ...check.lacks.map((lack): Finding => ({ name, status: 'warn', message: LACKS[lack], remedy }))];
    },
    connection,
  );
  return isThere;
}

const LACKS: Readonly<Record<Lack, string>> = {
  table: 'it does not exist',
  stream: 'it has no stream: changes are seen only by the relist every few minutes',
  expiry: 'nothing expires in it: events are kept for ever',
  recovery: 'point-in-time recovery is off: a mistake cannot be taken back',
  protection: 'deletion protection is off: the table can be deleted by one call',
};

function controller(lease: LeaseRecord | undefined, { clock }: CliIo): Finding[] {
  const name = 'controller';
  const remedy = 'start one: lambdacontainer start, or lambdacontainer local';
  if (!lease) return [{ name, status: 'fail', message: 'none has ever run on these tables', remedy }];
  const leftMs = lease.expiresAtMs - clock.now();
  const who = `${lease.version === undefined ? '' : `version ${lease.version}, `}holder ${lease.holder}, epoch ${lease.epoch}`;
  if (lease.released || leftMs <= 0) {
    const how = lease.released ? 'ended in order' : 'its lease ran out';
    return [
      {
        name,
        status: 'fail',
        message: `none runs: the last one (${who}) ${how} ${formatDuration(Math.max(0, -leftMs))} ago`,
        remedy,
      },
    ];
  }
  const renewed =
    lease.durationMs === undefined ? '' : `, renewed ${formatDuration(Math.max(0, lease.durationMs - leftMs))} ago`;
  const findings: Finding[] = [{ name, status: 'ok', message: `runs (${who})${renewed}` }];
  // A lease cannot have more left than its length: then one of the two clocks is off.
  const skewMs = leftMs - (lease.durationMs ?? SKEW_MAX_MS);
  if (skewMs > SKEW_MAX_MS / 5) {
    findings.push({
      name: 'clock',
      status: skewMs > SKEW_MAX_MS ? 'fail' : 'warn',
      message: `this clock is ${formatDuration(skewMs)} behind the controller's`,
      remedy: 'set both by NTP: AWS refuses requests that are five minutes off',
    });
  }
  const mine = programVersion();
  if (lease.version !== undefined && lease.version !== mine) {
    findings.push({
      name: 'versions',
      status: 'warn',
      message: `the controller is ${lease.version}, this program ${mine}`,
      remedy: 'use the same version of both',
    });
  }
  return findings;
}

/** As the leader last wrote it; nothing where none has swept anything yet. */
async function drift({ state }: Connection): Promise<Finding[]> {
  const found = await readDriftFinding(state);
  const findings = sweepSentences(found).map((message): Finding => ({ name: 'drift', status: 'ok', message }));
  const { events } = found;
  if (!events) return findings;
  const { status, message, reason } = events;
  if (status === 'True') return [...findings, { name: 'events', status: 'ok', message }];
  const remedy = 'see that the queue exists and that the controller’s role may receive from it';
  return [...findings, { name: 'events', status: 'warn', message: `${reason}: ${message}`, remedy }];
}

async function standardClass({ desired }: Connection): Promise<Finding> {
  const name = 'classes';
  if (await desired.get(classKey('standard'))) return { name, status: 'ok', message: "class 'standard' is there" };
  const remedy = 'apply a LambdaContainerClass named standard, or name another one in every spec';
  return { name, status: 'warn', message: "there is no class 'standard', which specs without className use", remedy };
}

/** Runs one check; AWS's refusals are findings. */
async function attempt(
  name: string,
  note: Note,
  look: () => Promise<Finding[]>,
  connection?: Connection,
): Promise<void> {
  try {
    note(...(await look()));
  } catch (error) {
    if (!isFailure(error)) throw error;
    note(failed(name, error, connection));
  }
}

function failed(name: string, failure: Failure, connection: Connection | undefined): Finding {
  const [message = failure.message, ...remedy] = (explain(failure, connection?.context)?.text ?? failure.message)
    .replace(/^error: /, '')
    .split('\n');
  const isClock = /Signature (expired|not yet current)|RequestTimeTooSkewed/.test(`${failure.code} ${failure.message}`);
  const help = isClock ? 'the clock of this machine is off: set it by NTP' : remedy.join(' ');
  return { name, status: 'fail', message, ...(help === '' ? {} : { remedy: help }) };
}

function line({ name, status, message, remedy }: Finding, colours: Colours): string {
  const paint = { ok: colours.good, warn: colours.busy, fail: colours.bad }[status];
  const text = remedy === undefined ? message : `${message}\n${colours.dim(`→ ${remedy}`)}`;
  return table([[paint(status.padEnd(4)), name.padEnd(NAME_WIDTH), text]]);
}

const NAME_WIDTH = 'desired table'.length;

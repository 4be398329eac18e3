/**
 * `invoke`: calls an object's function as Lambda's Invoke does, or with --via http sends a request to the object's URL,
 * where whoever serves answers. Invoke goes to Lambda whatever the placement says, because Invoke is Lambda's; it is
 * the default for an object that has a function.
 */
import { readFileSync } from 'node:fs';
import { KIND_CONTAINER } from '../../api/index.ts';
import { UserError } from '../../core/index.ts';
import { coloursFor } from '../output/colours.ts';
import type { CliIo } from '../output/io.ts';
import type { Connection } from './connection.ts';
import { type HttpAnswer, sendHttp } from './http-request.ts';
import { confirmMutation } from './mutation.ts';
import { display, type Reference, select } from './references.ts';
import { type View, viewOf } from './views.ts';

export const INVOCATION_TYPES = ['RequestResponse', 'Event', 'DryRun'] as const;
export type InvocationType = (typeof INVOCATION_TYPES)[number];

export interface InvokeArgs {
  readonly words: readonly string[];
  readonly namespace?: string | undefined;
  readonly payload?: string | undefined;
  /** A path, or `-` for standard input. */
  readonly payloadFile?: string | undefined;
  readonly via?: 'lambda' | 'http' | undefined;
  readonly type?: InvocationType | undefined;
  readonly log?: 'none' | 'tail' | undefined;
  readonly method?: string | undefined;
  readonly path?: string | undefined;
  readonly header?: readonly string[] | undefined;
  readonly yesTo?: string | undefined;
}

/** https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const SYNC_BYTES_MAX = 6 * 1024 * 1024;
const ASYNC_BYTES_MAX = 1024 * 1024;
/** A function runs at most 15 minutes; its answer needs a moment more. */
const INVOKE_TIMEOUT_MS = 15 * 60_000 + 10_000;

/** Exit status 1 when the function answers an error, or HTTP one of 400 or above. */
export async function invoke(args: InvokeArgs, io: CliIo, connection: Connection): Promise<number> {
  const via = args.via ?? 'lambda';
  refuseMixedFlags(args, via);
  const reference = referenceOf(args, connection);
  const view = await viewOf(reference, connection);
  if (!view) throw new UserError(`${display(reference)} not found in namespace '${reference.namespace}'`);
  return via === 'http' ? overHttp(view, args, io, connection) : throughLambda(view, args, io, connection);
}

async function throughLambda(view: View, args: InvokeArgs, io: CliIo, connection: Connection): Promise<number> {
  const { name, qualifier } = functionRefOf(view);
  const type = args.type ?? 'RequestResponse';
  const payload = await payloadOf(args, type, io);
  await confirmMutation(io, connection, 'invoking in', { yesTo: args.yesTo, dryRun: type === 'DryRun' });
  const answer = await connection.ports.lambda.invoke(
    {
      FunctionName: name,
      ...(qualifier === undefined ? {} : { Qualifier: qualifier }),
      InvocationType: type,
      Payload: payload,
      ...(args.log === 'tail' && type === 'RequestResponse' ? { LogType: 'Tail' as const } : {}),
    },
    { signal: io.signal, timeoutMs: INVOKE_TIMEOUT_MS },
  );
  if (answer.LogResult) io.stderr(Buffer.from(answer.LogResult, 'base64').toString('utf8'));
  if (type === 'DryRun') {
    io.stdout(`${display(view)} may be invoked\n`);
    return 0;
  }
  if (type === 'Event') {
    io.stdout(`${display(view)} accepted; what comes of it is in its log: lambdacontainer logs ${view.name}\n`);
    return 0;
  }
  const text = answer.Payload ? Buffer.from(answer.Payload).toString('utf8') : '';
  io.stdout(text.endsWith('\n') || text === '' ? text : `${text}\n`);
  if (answer.FunctionError === undefined) return 0;
  io.stderr(`error: the function answered an error (${answer.FunctionError})${reasonOf(text)}\n`);
  return 1;
}

async function overHttp(view: View, args: InvokeArgs, io: CliIo, connection: Connection): Promise<number> {
  const url = view.status?.url;
  if (url === undefined) {
    throw new UserError(
      `${display(view)} has no URL yet; wait for it with: lambdacontainer wait ${view.name} --for=condition=Ready`,
    );
  }
  const body = args.payload ?? (await fileOf(args, io));
  const method = (args.method ?? (body === undefined ? 'GET' : 'POST')).toUpperCase();
  const headers = headersOf(args.header ?? []);
  const target = targetOf(url, args.path);
  if (!['GET', 'HEAD', 'OPTIONS'].includes(method)) {
    await confirmMutation(io, connection, `sending ${method} ${target} in`, { yesTo: args.yesTo });
  }
  const answer = await sendHttp({ url: target, method, headers, body }, io.signal);
  showHttp(answer, io);
  return answer.status >= 400 ? 1 : 0;
}

function showHttp({ status, headers, body }: HttpAnswer, io: CliIo): void {
  const colours = coloursFor(io);
  io.stderr(`${(status >= 400 ? colours.bad : colours.good)(`HTTP ${status}`)}\n`);
  for (const [name, value] of headers) io.stderr(`${colours.dim(`${name}: ${value}`)}\n`);
  io.stdout(body.endsWith('\n') || body === '' ? body : `${body}\n`);
}

// ------------------------------------------------------------------------------------------------------------- input

function refuseMixedFlags(args: InvokeArgs, via: 'lambda' | 'http'): void {
  const given = (flags: Record<string, unknown>) =>
    Object.entries(flags).flatMap(([flag, value]) => (value === undefined ? [] : [flag]));
  const [foreign] =
    via === 'http'
      ? given({ '--type': args.type, '--log': args.log })
      : given({ '--method': args.method, '--path': args.path, '--header': args.header });
  if (foreign !== undefined) {
    throw new UserError(`${foreign}: it is for --via ${via === 'http' ? 'lambda' : 'http'}; leave it out`, 2);
  }
  if (args.payload !== undefined && args.payloadFile !== undefined) {
    throw new UserError('give --payload or --payload-file, not both', 2);
  }
}

/** JSON within Lambda's limit; `{}` when nothing is given. */
async function payloadOf(args: InvokeArgs, type: InvocationType, io: CliIo): Promise<Uint8Array> {
  const flag = args.payloadFile === undefined ? '--payload' : `--payload-file ${args.payloadFile}`;
  const text = args.payload ?? (await fileOf(args, io)) ?? '{}';
  try {
    JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new UserError(`${flag}: this is not JSON: ${error.message}; a text needs quotes of its own: '"text"'`, 2);
  }
  const bytes = Buffer.from(text);
  const bytesMax = type === 'Event' ? ASYNC_BYTES_MAX : SYNC_BYTES_MAX;
  if (bytes.length > bytesMax) {
    throw new UserError(
      `${flag}: ${bytes.length} bytes are more than the ${bytesMax} that Lambda takes${type === 'Event' ? ' asynchronously' : ''}; hand over a reference, such as an S3 key`,
      2,
    );
  }
  return bytes;
}

async function fileOf({ payloadFile }: InvokeArgs, io: CliIo): Promise<string | undefined> {
  if (payloadFile === undefined) return undefined;
  if (payloadFile === '-') return io.stdin();
  try {
    return readFileSync(payloadFile, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw new UserError(`--payload-file ${payloadFile}: it cannot be read (${code}); correct the path`, 2);
  }
}

function headersOf(lines: readonly string[]): [string, string][] {
  return lines.map((line) => {
    const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):\s*(.*)$/.exec(line);
    if (!match) throw new UserError(`--header: '${line}' is not a header; write it like 'content-type: text/plain'`, 2);
    return [match[1] ?? '', match[2] ?? ''];
  });
}

/** A path stands below the object's URL: what leads elsewhere would be another's to answer. */
function targetOf(url: string, path: string | undefined): string {
  if (path === undefined) return url;
  if (!path.startsWith('/') && !path.startsWith('?')) {
    throw new UserError(`--path: '${path}' does not begin with / or ?; it is put behind ${url}`, 2);
  }
  const target = `${url.replace(/\/$/, '')}${path}`;
  if (!URL.canParse(target)) throw new UserError(`--path: '${path}' gives no URL behind ${url}`, 2);
  return target;
}

function functionRefOf(view: View): { name: string; qualifier: string | undefined } {
  const spec = view.object?.spec as { source?: { functionRef?: { name?: unknown; qualifier?: unknown } } } | undefined;
  const { name, qualifier } = spec?.source?.functionRef ?? {};
  if (typeof name !== 'string') {
    throw new UserError(`${display(view)} refers to no Lambda function; send a request with --via http`);
  }
  return { name, qualifier: typeof qualifier === 'string' ? qualifier : undefined };
}

function referenceOf(args: InvokeArgs, connection: Connection): Reference {
  const [reference, ...others] = select(args.words, args.namespace ?? connection.defaultNamespace).references;
  if (!reference || others.length > 0) throw new UserError('name one object', 2);
  if (reference.kind !== KIND_CONTAINER) {
    throw new UserError(`${reference.kind} cannot be invoked; name a LambdaContainer`, 2);
  }
  return reference;
}

/** `: TypeError: x is not a function`, as runtimes describe errors. */
function reasonOf(payload: string): string {
  try {
    const { errorType, errorMessage } = JSON.parse(payload) as { errorType?: unknown; errorMessage?: unknown };
    const parts = [errorType, errorMessage].filter((part) => typeof part === 'string' && part !== '');
    return parts.length > 0 ? `: ${parts.join(': ')}` : '';
  } catch (error) {
    // Whatever a runtime answers is the payload, and was shown as it is.
    if (error instanceof SyntaxError || error instanceof TypeError) return '';
    throw error;
  }
}

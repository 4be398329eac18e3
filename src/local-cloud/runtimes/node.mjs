/**
 * A Node.js runtime client for the stand-in base image, with the contract of AWS's own: loads the handler that _HANDLER
 * names from LAMBDA_TASK_ROOT, asks AWS_LAMBDA_RUNTIME_API for work one invocation at a time, and answers. With
 * AWS_LAMBDA_MAX_CONCURRENCY it asks for that many at once, in one process, as AWS's does. Runs in the function's process
 * on the machine's own node; it is not part of the product's bundle and imports nothing of it.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { existsSync } from 'node:fs';
import { Agent, request } from 'node:http';
import Module, { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';
import { Writable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { format } from 'node:util';

const env = process.env;
const api = env.AWS_LAMBDA_RUNTIME_API;
const taskRoot = env.LAMBDA_TASK_ROOT;
const handlerName = env._HANDLER;
for (const [name, value] of Object.entries({
  AWS_LAMBDA_RUNTIME_API: api,
  LAMBDA_TASK_ROOT: taskRoot,
  _HANDLER: handlerName,
})) {
  if (!value) {
    process.stderr.write(`runtime: ${name} is not set\n`);
    process.exit(1);
  }
}

// ------------------------------------------------------------------------------------------------------- Runtime API

const [apiHost, apiPort] = api.split(':');
/** Set, even to 1, it means the mode for several at once: no invocation has the process for itself. */
const concurrency = env.AWS_LAMBDA_MAX_CONCURRENCY === undefined ? undefined : Number(env.AWS_LAMBDA_MAX_CONCURRENCY);
if (concurrency !== undefined && !(Number.isInteger(concurrency) && concurrency >= 1)) {
  process.stderr.write(
    `runtime: AWS_LAMBDA_MAX_CONCURRENCY is '${env.AWS_LAMBDA_MAX_CONCURRENCY}', not a whole number\n`,
  );
  process.exit(1);
}
/** Of the invocation whose code runs: its id, and the connection that it keeps from `next` to its answer. */
const invocations = new AsyncLocalStorage();
const startAgent = new Agent({ keepAlive: true, maxSockets: 1 });
const BASE = '/2018-06-01/runtime';
const USER_AGENT = `lambdacontainer-runtime-node/1 node/${process.versions.node}`;

function open(method, path, headers, onAnswer) {
  return request(
    {
      agent: invocations.getStore()?.agent ?? startAgent,
      host: apiHost,
      port: apiPort,
      method,
      path: BASE + path,
      headers: { 'User-Agent': USER_AGENT, ...headers },
    },
    onAnswer,
  );
}

/** One call; rejects when the connection breaks or the answer is not a success. */
function call(method, path, headers = {}, body = undefined) {
  return new Promise((done, fail) => {
    const outgoing = open(
      method,
      path,
      body === undefined ? headers : { ...headers, 'Content-Length': body.length },
      (answer) => {
        const chunks = [];
        answer.on('data', (chunk) => chunks.push(chunk));
        answer.on('error', fail);
        answer.on('end', () => {
          const payload = Buffer.concat(chunks);
          if (answer.statusCode < 300) done({ headers: answer.headers, payload });
          else
            fail(Object.assign(new Error(`${path}: ${answer.statusCode} ${payload}`), { status: answer.statusCode }));
        });
      },
    );
    outgoing.on('error', fail);
    outgoing.end(body);
  });
}

const JSON_TYPE = { 'Content-Type': 'application/json' };

async function reportError(path, error) {
  const formatted = formatError(error);
  const headers = { ...JSON_TYPE, 'Lambda-Runtime-Function-Error-Type': headerText(formatted.errorType) };
  await call('POST', path, headers, Buffer.from(JSON.stringify(formatted)));
}

function formatError(error) {
  if (!(error instanceof Error)) return { errorType: typeof error, errorMessage: String(error), trace: [] };
  return { errorType: error.name, errorMessage: error.message, trace: String(error.stack ?? '').split('\n') };
}

function headerText(text) {
  return String(text).replace(/[^\x20-\x7e]/g, '?');
}

// -------------------------------------------------------------------------------------------------------------- logs

/** Of the invocation that runs, where there is only one; undefined while the function starts, as on Lambda. */
let requestId;
const currentId = () => (concurrency === undefined ? requestId : invocations.getStore()?.requestId);
const jsonLogs = env.AWS_LAMBDA_LOG_FORMAT?.toUpperCase() === 'JSON';
const LEVELS = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];
const leastLevel = Math.max(0, LEVELS.indexOf(env.AWS_LAMBDA_LOG_LEVEL?.toUpperCase() ?? 'TRACE'));

function log(level, parameters) {
  if (LEVELS.indexOf(level) < leastLevel) return;
  const timestamp = new Date().toISOString();
  if (jsonLogs) process.stdout.write(`${jsonLine(timestamp, level, parameters)}\n`);
  // A message is one line: Lambda keeps its line ends as carriage returns.
  else
    process.stdout.write(`${timestamp}\t${currentId()}\t${level}\t${format(...parameters).replaceAll('\n', '\r')}\n`);
}

function jsonLine(timestamp, level, parameters) {
  const line = { timestamp, level, requestId: currentId() };
  line.message = parameters.length === 1 ? parameters[0] : format(...parameters);
  const error = parameters.find((parameter) => parameter instanceof Error);
  if (error && parameters.length > 1) {
    Object.assign(line, { errorType: error.name, errorMessage: error.message, stackTrace: formatError(error).trace });
  }
  try {
    return JSON.stringify(line, (_key, value) =>
      value instanceof Error
        ? { errorType: value.name, errorMessage: value.message, stackTrace: formatError(value).trace, ...value }
        : value,
    );
  } catch {
    // Circular: the readable form instead.
    return JSON.stringify({ ...line, message: format(...parameters) });
  }
}

for (const [method, level] of Object.entries({
  log: 'INFO',
  info: 'INFO',
  warn: 'WARN',
  error: 'ERROR',
  debug: 'DEBUG',
  trace: 'TRACE',
})) {
  console[method] = (...parameters) => log(level, parameters);
}

function logFailure(title, error) {
  if (jsonLogs) log('ERROR', [title, error]);
  else log('ERROR', [`${title} \t${JSON.stringify(formatErrorForLog(error))}`]);
}

function formatErrorForLog(error) {
  const { errorType, errorMessage, trace } = formatError(error);
  return { errorType, errorMessage, stack: trace };
}

// ----------------------------------------------------------------------------------------------- streaming handlers

const STREAMING = Symbol.for('aws.lambda.runtime.handler.streaming');
const PRELUDE_TYPE = 'application/vnd.awslambda.http-integration-response';

globalThis.awslambda = {
  ...globalThis.awslambda,
  streamifyResponse(handler) {
    handler[STREAMING] = 'response';
    return handler;
  },
  HttpResponseStream: {
    from(stream, metadata) {
      stream.setContentType(PRELUDE_TYPE);
      stream.prelude = Buffer.concat([Buffer.from(JSON.stringify(metadata)), Buffer.alloc(8)]);
      return stream;
    },
  },
};

/** What a streaming handler writes to; its POST opens with the first byte, so that an earlier failure is a plain error. */
class ResponseStream extends Writable {
  prelude;
  #path;
  #contentType = 'application/octet-stream';
  #outgoing;
  #accepted;

  constructor(path) {
    super();
    this.#path = path;
  }

  get opened() {
    return this.#outgoing !== undefined;
  }

  setContentType(contentType) {
    if (this.opened) throw new Error('Cannot set content-type, too late.');
    this.#contentType = contentType;
  }

  write(chunk, ...rest) {
    const plain = typeof chunk === 'string' || chunk instanceof Uint8Array;
    return super.write(plain ? chunk : JSON.stringify(chunk), ...rest);
  }

  #open() {
    if (this.opened) return;
    const headers = {
      'Content-Type': this.#contentType,
      'Lambda-Runtime-Function-Response-Mode': 'streaming',
      'Transfer-Encoding': 'chunked',
      Trailer: 'Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body',
    };
    this.#accepted = new Promise((done, fail) => {
      this.#outgoing = open('POST', this.#path, headers, (answer) => answer.resume().on('end', done).on('error', fail));
      this.#outgoing.on('error', fail);
    });
    // Awaited in `accepted`; a rejection before that must not count as unhandled.
    this.#accepted.catch(() => {});
    if (this.prelude) this.#outgoing.write(this.prelude);
  }

  _write(chunk, _encoding, done) {
    this.#open();
    this.#outgoing.write(chunk, done);
  }

  _final(done) {
    this.#open();
    this.#outgoing.end(done);
  }

  /** Resolves when the Runtime API has taken the whole answer. */
  get accepted() {
    return this.#accepted;
  }

  /** Ends an answer that has begun with the error as trailers. */
  fail(error) {
    const formatted = formatError(error);
    this.#outgoing.addTrailers({
      'Lambda-Runtime-Function-Error-Type': headerText(formatted.errorType),
      'Lambda-Runtime-Function-Error-Body': Buffer.from(JSON.stringify(formatted)).toString('base64'),
    });
    this.#outgoing.end();
    return this.#accepted;
  }
}

// ----------------------------------------------------------------------------------------------------------- handler

function named(name, error) {
  error.name = name;
  return error;
}

async function loadHandler() {
  if (handlerName.includes('..')) {
    const text = `'${handlerName}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`;
    throw named('Runtime.MalformedHandlerName', new Error(text));
  }
  const match = /^([^.]*)\.(.*)$/.exec(basename(handlerName));
  if (!match) throw named('Runtime.MalformedHandlerName', new Error('Bad handler'));
  const [, moduleName, path] = match;
  const folder = resolve(taskRoot, dirname(handlerName));
  const loaded = await loadModule(folder, moduleName);
  const handler = find(loaded, path) ?? find(loaded?.default, path);
  if (!handler) {
    throw named('Runtime.HandlerNotFound', new Error(`${handlerName} is undefined or not exported`));
  }
  if (typeof handler !== 'function') {
    throw named('Runtime.HandlerNotFound', new Error(`${handlerName} is not a function`));
  }
  return handler;
}

async function loadModule(folder, moduleName) {
  try {
    for (const extension of ['.js', '.mjs', '.cjs']) {
      const file = join(folder, moduleName + extension);
      if (existsSync(file)) return await import(pathToFileURL(file).href);
    }
    // A folder with an index or a package.json, a file without extension, or a package.
    const require = createRequire(join(folder, 'handler.js'));
    const local = join(folder, moduleName);
    return require(existsSync(local) ? local : moduleName);
  } catch (error) {
    if (error instanceof SyntaxError) throw named('Runtime.UserCodeSyntaxError', error);
    if (error?.code === 'MODULE_NOT_FOUND' || error?.code === 'ERR_MODULE_NOT_FOUND') {
      throw named('Runtime.ImportModuleError', error);
    }
    throw error;
  }
}

function find(module, path) {
  return path
    .split('.')
    .reduce((value, key) => (value === null || value === undefined ? undefined : value[key]), module);
}

// -------------------------------------------------------------------------------------------------------- invocation

function parseContext(headers) {
  const json = (name) => (headers[name] ? JSON.parse(headers[name]) : undefined);
  const deadlineMs = Number(headers['lambda-runtime-deadline-ms']);
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: json('lambda-runtime-client-context'),
    identity: json('lambda-runtime-cognito-identity'),
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    awsRequestId: headers['lambda-runtime-aws-request-id'],
    getRemainingTimeInMillis: () => deadlineMs - Date.now(),
  };
}

/** The handler's result, however it gives it: promise, callback, or `context.succeed` and its kin. */
function runHandler(handler, event, context) {
  return new Promise((done, fail) => {
    let ended = false;
    const onEmpty = () => end(null);
    const end = (error, result) => {
      if (ended) return;
      ended = true;
      process.off('beforeExit', onEmpty);
      const settle = () => (error === null || error === undefined ? done(result) : fail(error));
      // On Lambda a callback's answer waits until nothing is left to run, unless the handler says otherwise; among several
      // invocations there is always something left.
      if (viaCallback && context.callbackWaitsForEmptyEventLoop && concurrency === undefined)
        process.once('beforeExit', settle);
      else settle();
    };
    let viaCallback = false;
    const callback = (error, result) => {
      viaCallback = true;
      end(error, result);
    };
    context.done = callback;
    context.succeed = (result) => callback(null, result);
    context.fail = (error) => callback(error ?? 'handled');
    const returned = handler(event, context, callback);
    if (typeof returned?.then === 'function') {
      returned.then(
        (result) => end(null, result),
        (error) => end(error ?? new Error(String(error))),
      );
    } else if (!ended) {
      // A handler without promise that never calls back: null, once nothing is left that could.
      process.once('beforeExit', onEmpty);
    }
  });
}

function serialise(result) {
  try {
    return Buffer.from(JSON.stringify(result === undefined ? null : result) ?? 'null');
  } catch {
    throw new Error('Unable to stringify response body');
  }
}

async function invokeBuffered(handler, event, context, path) {
  let payload;
  try {
    payload = serialise(await runHandler(handler, event, context));
  } catch (error) {
    logFailure('Invoke Error', error);
    await reportError(`${path}/error`, error);
    return;
  }
  try {
    await call('POST', `${path}/response`, JSON_TYPE, payload);
  } catch (error) {
    // Too large: the Runtime API has already told the caller; the function goes on.
    if (error.status !== 413) throw error;
    logFailure('Invoke Error', named('Function.ResponseSizeTooLarge', error));
  }
}

async function invokeStreaming(handler, event, context, path) {
  const stream = new ResponseStream(`${path}/response`);
  const closed = new Promise((done, fail) => stream.on('finish', done).on('error', fail));
  closed.catch(() => {});
  try {
    await handler(event, stream, context);
    if (!stream.writableEnded) throw new Error('Response stream is not finished.');
    await closed;
  } catch (error) {
    logFailure('Invoke Error', error);
    if (stream.opened) await stream.fail(error);
    else await reportError(`${path}/error`, error);
    return;
  }
  await stream.accepted;
}

async function serve(handler) {
  const invoke = handler[STREAMING] === 'response' ? invokeStreaming : invokeBuffered;
  for (;;) {
    requestId = undefined;
    const { headers, payload } = await call('GET', '/invocation/next');
    const id = headers['lambda-runtime-aws-request-id'];
    if (concurrency === undefined) enter(id, headers['lambda-runtime-trace-id']);
    else invocations.getStore().requestId = id;
    const path = `/invocation/${id}`;
    try {
      await invoke(handler, JSON.parse(payload.toString('utf8')), parseContext(headers), path);
    } catch (error) {
      // Not the handler's failure (those are reported above): the event is not JSON, or the Runtime API has gone.
      await reportError(`${path}/error`, error);
    }
  }
}

/** The process is this invocation's alone. */
function enter(id, traceId) {
  requestId = id;
  if (traceId) env._X_AMZN_TRACE_ID = traceId;
  else delete env._X_AMZN_TRACE_ID;
}

/** Several loops beside each other, each with a connection of its own. */
function serveSeveral(handler) {
  const loops = Array.from({ length: concurrency }, () =>
    invocations.run({ agent: new Agent({ keepAlive: true, maxSockets: 1 }), requestId: undefined }, () =>
      serve(handler),
    ),
  );
  return Promise.all(loops);
}

// ------------------------------------------------------------------------------------------------------------- start

let initialised = false;

/** The process cannot go on: tells whoever waits, then ends with AWS's exit status for the case. */
async function die(title, error, status) {
  logFailure(title, error);
  const id = currentId();
  const path = id ? `/invocation/${id}/error` : '/init/error';
  // The keep-alive connection may be in the middle of something: this call takes one of its own.
  (invocations.getStore()?.agent ?? startAgent).maxSockets = 2;
  if (id || !initialised) await reportError(path, error).catch(() => {});
  process.exit(status);
}

process.on('uncaughtException', (error) => void die('Uncaught Exception', error, 129));
process.on('unhandledRejection', (reason) => {
  const error = named('Runtime.UnhandledPromiseRejection', new Error(String(reason), { cause: reason }));
  void die('Unhandled Promise Rejection', error, 128);
});

// Layers lie in /opt of the image; with an unpacked image that is beside the runtime's own folder.
if (env.NODE_PATH === undefined && env.LAMBDA_RUNTIME_DIR) {
  const root = resolve(env.LAMBDA_RUNTIME_DIR, '../..');
  const major = process.versions.node.split('.')[0];
  env.NODE_PATH = [`opt/nodejs/node${major}/node_modules`, 'opt/nodejs/node_modules', 'var/runtime/node_modules']
    .map((path) => join(root, path))
    .join(':');
  Module._initPaths();
}

let handler;
try {
  handler = await loadHandler();
} catch (error) {
  logFailure('Init Error', error);
  await reportError('/init/error', error);
  process.exit(1);
}
initialised = true;
try {
  await (concurrency === undefined ? serve(handler) : serveSeveral(handler));
} catch (error) {
  process.stderr.write(`runtime: the Runtime API at ${api} has gone: ${error.message}\n`);
  process.exit(1);
}

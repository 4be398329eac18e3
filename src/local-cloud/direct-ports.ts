/**
 * The ports of `aws/` straight on the machines, for simulation: no HTTP, no signatures, a turn of the microtask queue
 * instead of a network. Inputs and outputs pass through the same schemas as on the wire (copied, unknown members
 * dropped, required members and types checked), and errors become the same Failures, so that code cannot tell the two
 * apart. Latency, loss and throttling are the business of who wraps it.
 */
import { Readable } from 'node:stream';
import { type GitPort, OPERATIONS, type Ports, type RegistryPort, type ServiceName, toFailure } from '../aws/index.ts';
import { Failure } from '../core/index.ts';
import type { CloudCore } from './cloud-core.ts';
import { AwsError } from './contract.ts';
import type { Credentials } from './iam/index.ts';
import { type ServiceEntry, serviceEntry } from './wire/catalog.ts';
import { NATIVE_INPUT, NATIVE_OUTPUT } from './wire/dialects.ts';
import { errorAnswer, malformedOutput, refusal } from './wire/errors.ts';
import { mapperOf } from './wire/mapper.ts';
import type { OperationSchema } from './wire/schema.ts';

type DirectCloud = Pick<CloudCore, 'callAsync' | 'requestId'>;
type PortMethod = Ports['ecs']['describeServices'];
type Call = Parameters<PortMethod>[1];

/**
 * Ports on `cloud`. Does nothing before the first call; a machine's programming error is thrown as it is.
 * @param credentials who calls, asked for at each call; without them the cloud's own hand
 */
export function createDirectPorts(
  cloud: DirectCloud,
  registry: RegistryPort,
  git: GitPort = NO_GIT,
  credentials: () => Credentials | undefined = () => undefined,
): Ports {
  const ports: Record<string, unknown> = { registry, git };
  for (const service of Object.keys(OPERATIONS) as ServiceName[]) {
    const port: Record<string, unknown> = {};
    for (const method of Object.keys(OPERATIONS[service]))
      port[method] = directMethod(cloud, service, method, credentials);
    ports[service] = port;
  }
  return ports as unknown as Ports;
}

/** A world without repositories. */
const NO_GIT: GitPort = {
  resolveCommit: (url) =>
    Promise.reject(
      new Failure({
        kind: 'notFound',
        service: 'git',
        operation: 'ListReferences',
        code: '404',
        message: `there is no git repository at ${url}`,
      }),
    ),
};

function directMethod(
  cloud: DirectCloud,
  service: ServiceName,
  method: string,
  credentials: () => Credentials | undefined,
) {
  const entry = serviceEntry(service);
  const operation = entry.operations.get(method.charAt(0).toUpperCase() + method.slice(1));
  if (!operation) throw new Error(`The SDK describes no operation ${method} of ${service}`);
  let codec: ReturnType<typeof compile> | undefined;
  return async (input: unknown, call?: Call): Promise<unknown> => {
    codec ??= compile(entry, operation);
    const requestId = cloud.requestId();
    // A call answers in a later turn even when it fails at once, as every network does.
    await undefined;
    try {
      if (call?.signal?.aborted) throw aborted();
      const work = cloud.callAsync(entry.id, operation.name, codec.read(input), requestId, call?.signal, credentials());
      const output = await untilAborted(work, call?.signal);
      return Object.assign(codec.write(output), { $metadata: metadata(codec.status(output), requestId) });
    } catch (error) {
      if (error instanceof AwsError) throw toFailure(service, method, exceptionOf(entry, error, requestId));
      if (error instanceof Error && error.name === 'AbortError') throw toFailure(service, method, error);
      throw error;
    }
  };
}

function compile(entry: ServiceEntry, operation: OperationSchema) {
  const read = mapperOf(operation.input(), NATIVE_INPUT);
  const output = operation.output();
  const write = mapperOf(output, NATIVE_OUTPUT);
  const members = output.kind === 'structure' ? output.members : [];
  const payload = members.find(({ bindings }) => bindings.payload)?.name;
  const statusMember = members.find(({ bindings }) => bindings.statusCode)?.name;
  return {
    read(input: unknown): unknown {
      try {
        return read(input);
      } catch (error) {
        throw refusal(entry, error);
      }
    },
    write(value: unknown): object {
      try {
        const result = write(value ?? {}) as Record<string, unknown>;
        if (payload !== undefined) {
          const bytes = Payload.from((result[payload] as Uint8Array | undefined) ?? []) as Payload;
          result[payload] = entry.protocol === 'rest-xml' ? streamOf(bytes) : bytes;
        }
        return result;
      } catch (error) {
        throw malformedOutput(entry, operation.name, error);
      }
    },
    status(value: unknown): number {
      const own = statusMember === undefined ? undefined : (value as Record<string, unknown>)[statusMember];
      return Number(own ?? operation.http?.status ?? 200);
    },
  };
}

/** The bytes of a payload, with the method that the SDK adds to them. */
class Payload extends Uint8Array {
  transformToString(encoding: BufferEncoding = 'utf8'): string {
    return Buffer.from(this.buffer, this.byteOffset, this.length).toString(encoding);
  }
}

/** The SDK streams bodies of S3, with methods that collect them. */
function streamOf(bytes: Payload): Readable {
  return Object.assign(Readable.from([Buffer.from(bytes)]), {
    transformToByteArray: async () => new Uint8Array(bytes),
    transformToString: async (encoding?: BufferEncoding) => bytes.transformToString(encoding),
  });
}

/** What the SDK would have thrown for the answer to this error. */
function exceptionOf(entry: ServiceEntry, error: AwsError, requestId: string): Error {
  const { name, code, message, status, fault, schema, members } = errorAnswer(entry, error);
  const modelled = schema ? (mapperOf(schema.structure, NATIVE_OUTPUT)(members) as object) : {};
  return Object.assign(new Error(message), modelled, {
    name,
    ...(entry.protocol === 'query' ? { Code: code } : {}),
    $fault: fault,
    $metadata: metadata(status, requestId),
  });
}

function metadata(httpStatusCode: number, requestId: string) {
  return { httpStatusCode, requestId, attempts: 1, totalRetryDelay: 0 };
}

/** The service goes on with what was aborted; only its caller does not wait. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  return new Promise((resolve, reject) => {
    const abort = () => reject(aborted());
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

function aborted(): Error {
  return Object.assign(new Error('Request aborted'), { name: 'AbortError' });
}

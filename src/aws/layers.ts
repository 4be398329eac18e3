/**
 * What lies between a caller of the ports and AWS, as layers that know nothing of each other: each gets a call and
 * passes it on, changed, delayed, merged with others, or not at all. The kinds above notice nothing of it.
 */
import type { Failure } from '../core/index.ts';
import { toFailure } from './classify.ts';
import { OPERATIONS, type ServiceName } from './operations.ts';
import type { Call, Ports } from './ports.ts';

/** One call on its way. */
export interface Outgoing {
  readonly service: ServiceName;
  readonly operation: string;
  /** Read it when the call leaves for AWS and not before: until then a layer above may still add to it. */
  readonly input: () => unknown;
  /** Others may join it until it leaves: the longer it waits, the more calls it spares. */
  readonly gathers?: true;
  readonly call: Call | undefined;
}

/** Sends a call, and answers as a port does: what AWS said, or a Failure. */
export type Send = (outgoing: Outgoing) => Promise<unknown>;

export type Layer = (next: Send) => Send;

type Method = (input: unknown, call?: Call) => Promise<unknown>;

/** The same ports, with `layers` before them; the first one is the nearest to the caller. What is no API of AWS is left as is. */
export function layered(ports: Ports, ...layers: readonly Layer[]): Ports {
  const table = ports as unknown as Readonly<Record<ServiceName, Readonly<Record<string, Method>>>>;
  const last: Send = async ({ service, operation, input, call }) => {
    const method = table[service][operation];
    if (!method) throw new Error(`the port of ${service} has no ${operation}`);
    call?.fence?.();
    return method(input(), call);
  };
  const send = layers.reduceRight((next, layer) => layer(next), last);
  const port = (service: ServiceName) =>
    Object.fromEntries(
      Object.keys(OPERATIONS[service]).map((operation): [string, Method] => [
        operation,
        (input, call) => send({ service, operation, input: () => input, call }),
      ]),
    );
  const services = Object.keys(OPERATIONS) as ServiceName[];
  return {
    ...Object.fromEntries(services.map((service) => [service, port(service)])),
    registry: ports.registry,
    git: ports.git,
  } as unknown as Ports;
}

/** What a port answers when its caller gave up: the same as an aborted request of the SDK. */
export function abandoned(service: ServiceName, operation: string): Failure {
  const error = Object.assign(new Error('Request aborted'), { name: 'AbortError' });
  return toFailure(service, operation, error);
}

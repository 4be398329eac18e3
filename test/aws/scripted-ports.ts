/** Ports whose every call is noted with its virtual time and answered by the test, at once or after a delay. */
import { type Call, OPERATIONS, type Ports, type ServiceName } from '../../src/aws/index.ts';
import { Failure, type FailureKind, type VirtualClock } from '../../src/core/index.ts';

export interface NotedCall {
  readonly name: string;
  readonly input: Record<string, unknown>;
  readonly atMs: number;
  readonly signal: AbortSignal | undefined;
}

export interface ScriptedPorts {
  readonly ports: Ports;
  readonly calls: NotedCall[];
}

export type Answer = (name: string, input: Record<string, unknown>) => unknown;

/** @param latencyMs how long an answer takes */
export function scriptedPorts(clock: VirtualClock, answer: Answer = () => ({}), latencyMs = 0): ScriptedPorts {
  const calls: NotedCall[] = [];
  const startMs = clock.now();
  const method = (service: ServiceName, operation: string) => async (input: Record<string, unknown>, call?: Call) => {
    const name = `${service}.${operation}`;
    calls.push({ name, input, atMs: clock.now() - startMs, signal: call?.signal });
    if (latencyMs > 0) await new Promise<void>((resolve) => clock.after(latencyMs, resolve));
    if (call?.signal?.aborted) throw failure('transient', 'AbortError');
    return answer(name, input);
  };
  const ports = Object.fromEntries(
    (Object.keys(OPERATIONS) as ServiceName[]).map((service) => [
      service,
      Object.fromEntries(Object.keys(OPERATIONS[service]).map((operation) => [operation, method(service, operation)])),
    ]),
  );
  return { calls, ports: { ...ports, registry: { resolveDigest: async () => 'sha256:0' } } as unknown as Ports };
}

export function failure(kind: FailureKind, code: string): Failure {
  return new Failure({ kind, service: 'any', operation: 'any', code, message: code });
}

/** Lets virtual time pass until all is quiet or `limitMs` are over. */
export async function quiet(clock: VirtualClock, limitMs = 3_600_000): Promise<void> {
  await clock.run(() => false, limitMs);
}

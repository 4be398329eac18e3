/** Ports for tests of one kind: state machines that the test gives, everything else refused; each call is counted. */
import type { Ports } from '../../src/aws/index.ts';
import { classify } from '../../src/aws/index.ts';
import { Failure } from '../../src/core/index.ts';
import type { CreateCall, Io } from '../../src/resource/index.ts';

// biome-ignore lint/suspicious/noExplicitAny: each fake takes the input of the operation that it stands for
type Handlers = Readonly<Record<string, Readonly<Record<string, (input: any) => unknown>>>>;

export interface FakeIo {
  readonly io: Io;
  /** `service.operation` in order; cleared by the test. */
  readonly calls: string[];
}

export function fakeIo(handlers: Handlers): FakeIo {
  const calls: string[] = [];
  const aws = new Proxy(
    {},
    {
      get: (_target, service: string) =>
        new Proxy(
          {},
          {
            get: (_port, operation: string) => async (input: unknown) => {
              calls.push(`${service}.${operation}`);
              const handler = handlers[service]?.[operation];
              if (!handler) throw new Error(`${service}.${operation} is not expected here`);
              await undefined;
              return structuredClone(handler(input));
            },
          },
        ),
    },
  ) as Ports;
  return { io: { aws, region: 'eu-west-1', nowMs: () => 0, immutable: new Map() }, calls };
}

/** As the service would answer it. */
export function awsFailure(code: string, status = 400): Failure {
  return new Failure({ kind: classify(code, status), service: 'fake', operation: 'fake', code, message: code });
}

export const TAGS = { 'lambdacontainer.dev/owner': 'me', 'lambdacontainer.dev/uid': 'u1' };
export const CALL: CreateCall = { token: 'token', tags: TAGS };

/** A cloud whose machines support every operation of the SDK, remember the input and answer what the test wants. */
import { seededRandom, VirtualClock } from '../../../src/core/index.ts';
import { BareCloud } from '../../../src/local-cloud/cloud-core.ts';
import type { CloudService, Handler, ServiceId } from '../../../src/local-cloud/contract.ts';
import { memoryState } from '../../../src/local-cloud/state/index.ts';
import { CATALOG } from '../../../src/local-cloud/wire/catalog.ts';

export interface Seen {
  readonly service: ServiceId;
  readonly operation: string;
  readonly input: unknown;
}

export interface EchoCloud {
  readonly cloud: BareCloud;
  /** Inputs as the machines got them. */
  readonly seen: Seen[];
  /** What the next calls answer, or throw. */
  answer: (call: Seen) => unknown;
}

export function echoCloud(): EchoCloud {
  const echo: EchoCloud = {
    seen: [],
    answer: () => ({}),
    cloud: new BareCloud({ clock: new VirtualClock(), random: seededRandom(1), state: memoryState() }, () =>
      [...CATALOG.values()].map(({ id, operations }): CloudService => {
        const handlers: Record<string, Handler> = {};
        for (const operation of operations.keys()) {
          handlers[operation] = (input) => {
            const call = { service: id, operation, input };
            echo.seen.push(call);
            return echo.answer(call);
          };
        }
        return { id, operations: handlers };
      }),
    ),
  };
  return echo;
}

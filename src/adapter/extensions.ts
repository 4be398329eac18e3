/**
 * The Extensions API of one function container: `register`, `event/next`, `init/error`, `exit/error`, and the events
 * INVOKE and SHUTDOWN, worded as the official emulator words them. The Logs and Telemetry APIs are answered as that
 * emulator answers them, 202 and "not supported", which extensions are written to live with.
 *
 * As on Lambda, the next invocation waits until the extensions that asked for INVOKE are done with the last one. Unlike
 * there, a task lives on when one of them hangs or dies: after a grace it holds up nothing until it asks again. A name
 * that registers twice is a restarted container and replaces its former self.
 */
import type { Clock, Logger, Timer } from '../core/index.ts';
import type { WireCall } from './http-wire.ts';

/** How long an extension may hold up the next invocation, and how long it may take to end: Lambda's limit for the latter. */
export const EXTENSION_GRACE_MS = 2_000;

/** What a registering extension is told. */
export interface FunctionFacts {
  readonly functionName: string;
  readonly functionVersion: string;
  readonly handler: string;
  readonly accountId: string;
}

/** What the function's ARN says of it. */
export function functionFacts(functionArn: string): FunctionFacts {
  const [, , , , accountId = '', , functionName = '', functionVersion = '$LATEST'] = functionArn.split(':');
  return { accountId, functionName, functionVersion, handler: '' };
}

export interface ExtensionsOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly facts: FunctionFacts;
  /** INVOKE events are sent; false where a runtime takes several invocations at once, as AWS has it there. */
  readonly sendsInvoke: boolean;
  /** Called when `settled` may have become true. */
  readonly onSettled: () => void;
}

interface Extension {
  readonly id: string;
  readonly name: string;
  readonly events: ReadonlySet<string>;
  /** Its `next`, while it waits. */
  waiting: WireCall | undefined;
  /** It has asked for an event at least once. */
  asked: boolean;
  /** Held up an invocation for longer than the grace, and has not asked since. */
  late: boolean;
  /** Has been told to end. */
  ending: boolean;
}

/** As an extension is told of it. */
export interface InvokeEvent {
  readonly requestId: string;
  readonly deadlineMs: number;
  readonly functionArn: string;
  readonly traceId?: string | undefined;
}

const PREFIX = '/2020-01-01/extension/';
const JSON_TYPE = 'Content-Type: application/json\r\n';
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const EVENTS = new Set(['INVOKE', 'SHUTDOWN']);

const UNSUPPORTED: Readonly<Record<string, string>> = {
  '/2020-08-15/logs': 'Logs',
  '/2022-07-01/telemetry': 'Telemetry',
};

export class Extensions {
  readonly #options: ExtensionsOptions;
  readonly #extensions = new Map<string, Extension>();
  #ids = 0;
  #grace: Timer | undefined;
  #onEnded: () => void = () => {};

  constructor(options: ExtensionsOptions) {
    this.#options = options;
  }

  /** Whether nothing here keeps the next invocation waiting. */
  get settled(): boolean {
    if (this.#extensions.size === 0) return true;
    for (const extension of this.#extensions.values()) if (holdsUp(extension)) return false;
    return true;
  }

  /** Answers the call when it is one of these APIs; false: it is not. */
  serve(call: WireCall): boolean {
    const { method, target } = call;
    const unsupported = method === 'PUT' ? UNSUPPORTED[target] : undefined;
    if (unsupported !== undefined) {
      answer(call, 202, '', {
        errorMessage: `${unsupported} API is not supported`,
        errorType: `${unsupported}.NotSupported`,
      });
      return true;
    }
    if (!target.startsWith(PREFIX)) return false;
    const path = `${method} ${target.slice(PREFIX.length)}`;
    if (path === 'POST register') this.#register(call);
    else if (path === 'GET event/next') this.#next(call);
    else if (path === 'POST init/error' || path === 'POST exit/error') this.#failed(call, target);
    else return false;
    return true;
  }

  /** Tells those that asked for it that an invocation has begun. */
  invoked(event: InvokeEvent): void {
    if (this.#extensions.size === 0 || !this.#options.sendsInvoke) return;
    const { requestId, deadlineMs, functionArn, traceId } = event;
    for (const extension of this.#extensions.values()) {
      if (!extension.events.has('INVOKE')) continue;
      this.#tell(extension, {
        eventType: 'INVOKE',
        deadlineMs: Math.trunc(deadlineMs),
        requestId,
        invokedFunctionArn: functionArn,
        ...(traceId ? { tracing: { type: 'X-Amzn-Trace-Id', value: traceId } } : {}),
      });
    }
  }

  /** Gives those that hold up a waiting runtime the grace, once. */
  hurry(): void {
    if (this.#grace || this.settled) return;
    this.#grace = this.#options.clock.after(EXTENSION_GRACE_MS, () => {
      this.#grace = undefined;
      for (const extension of this.#extensions.values()) {
        if (!holdsUp(extension)) continue;
        extension.late = true;
        this.#options.logger.warn({ extension: extension.name }, 'extension is late and holds up nothing any more');
      }
      this.#options.onSettled();
    });
  }

  /** Tells those that asked for it to end. Resolves when they have, or after the grace. */
  async shutdown(): Promise<void> {
    const { clock } = this.#options;
    const told = [...this.#extensions.values()].filter(({ events }) => events.has('SHUTDOWN'));
    this.#grace?.cancel();
    if (told.length === 0) return;
    await new Promise<void>((resolve) => {
      const limit = clock.after(EXTENSION_GRACE_MS, resolve);
      this.#onEnded = () => {
        if (told.some(({ id }) => this.#extensions.has(id))) return;
        limit.cancel();
        resolve();
      };
      for (const extension of told) {
        extension.ending = true;
        this.#tellToEnd(extension);
      }
    });
  }

  #tellToEnd(extension: Extension): void {
    const deadlineMs = this.#options.clock.now() + EXTENSION_GRACE_MS;
    // One that is busy is told when it asks.
    this.#tell(extension, { eventType: 'SHUTDOWN', shutdownReason: 'spindown', deadlineMs });
  }

  #tell(extension: Extension, event: object): void {
    const call = extension.waiting;
    if (!call) return;
    extension.waiting = undefined;
    if (extension.ending) call.connection.onClosed(() => this.#ended(extension));
    answer(call, 200, `Lambda-Extension-Event-Identifier: ${this.#newId()}\r\n`, event);
  }

  #ended(extension: Extension): void {
    this.#extensions.delete(extension.id);
    this.#onEnded();
  }

  #register(call: WireCall): void {
    call.collect(64 * 1024, (body = Buffer.alloc(0)) => {
      const name = call.header('lambda-extension-name') ?? '';
      if (name === '') return refuse(call, 'Extension.InvalidExtensionName', 'Empty extension name');
      const events = requestedEvents(body);
      if (typeof events === 'string') return refuse(call, 'InvalidRequestFormat', events);
      const wrong = events.find((event) => !EVENTS.has(event) || (event === 'INVOKE' && !this.#options.sendsInvoke));
      if (wrong !== undefined)
        return refuse(call, 'Extension.InvalidEventType', `${String(wrong)}: ErrorInvalidEventType`);
      for (const former of this.#extensions.values()) if (former.name === name) this.#extensions.delete(former.id);
      const id = this.#newId();
      this.#extensions.set(id, {
        id,
        name,
        events: new Set(events),
        waiting: undefined,
        asked: false,
        late: false,
        ending: false,
      });
      this.#options.logger.info({ extension: name, events }, 'extension registered');
      const { accountId, ...facts } = this.#options.facts;
      const features = (call.header('lambda-extension-accept-feature') ?? '').split(/\s*,\s*/);
      answer(call, 200, `Lambda-Extension-Identifier: ${id}\r\n`, {
        ...facts,
        ...(features.includes('accountId') ? { accountId } : {}),
      });
    });
  }

  #next(call: WireCall): void {
    const extension = this.#identified(call);
    if (!extension) return;
    extension.waiting = call;
    extension.asked = true;
    extension.late = false;
    call.gone = () => {
      if (extension.waiting !== call) return;
      // Nothing is as gone as an extension that does not even wait.
      this.#options.logger.warn({ extension: extension.name }, 'extension has gone');
      this.#ended(extension);
      this.#settle();
    };
    if (extension.ending) this.#tellToEnd(extension);
    this.#settle();
  }

  #settle(): void {
    if (!this.settled) return;
    this.#grace?.cancel();
    this.#grace = undefined;
    this.#options.onSettled();
  }

  #failed(call: WireCall, target: string): void {
    call.collect(1024 * 1024, (body = Buffer.alloc(0)) => {
      const extension = this.#identified(call);
      if (!extension) return;
      const errorType = call.header('lambda-extension-function-error-type') ?? 'Extension.Unknown';
      this.#options.logger.error(
        { extension: extension.name, errorType, error: body.toString('utf8') },
        target.endsWith('init/error') ? 'extension failed to initialise' : 'extension is about to exit with an error',
      );
      answer(call, 202, '', { status: 'OK' });
      this.#ended(extension);
      this.#settle();
    });
  }

  /** The extension that the call says it comes from; refused, and undefined, when it says nothing usable. */
  #identified(call: WireCall): Extension | undefined {
    const id = call.header('lambda-extension-identifier');
    const extension = this.#extensions.get(id ?? '');
    if (extension) return extension;
    if (id === undefined) {
      refuse(call, 'Extension.MissingExtensionIdentifier', 'Missing Lambda-Extension-Identifier header');
    } else if (!UUID.test(id)) {
      refuse(call, 'Extension.InvalidExtensionIdentifier', 'Invalid Lambda-Extension-Identifier');
    } else {
      refuse(call, 'Extension.UnknownExtensionIdentifier', `Unknown extension ${id}`);
    }
    return undefined;
  }

  /** Needs to be unique in this container, not secret: shaped like the UUIDs that clients expect. */
  #newId(): string {
    this.#ids++;
    return `00000000-0000-4000-8000-${this.#ids.toString(16).padStart(12, '0')}`;
  }
}

/** On Lambda, initialisation waits for the first `next` of all, an invocation for those that hear of it. */
function holdsUp({ asked, late, waiting, events }: Extension): boolean {
  return !late && (!asked || (waiting === undefined && events.has('INVOKE')));
}

/** The events of a registration's body; a text says why it is unusable. */
function requestedEvents(body: Buffer): string[] | string {
  try {
    const { events } = JSON.parse(body.toString('utf8')) as { events?: unknown };
    // Go's client says null when it wants none.
    const wanted = events ?? [];
    return Array.isArray(wanted) ? (wanted as string[]) : 'events is not an array';
  } catch (error) {
    return (error as Error).message;
  }
}

function answer(call: WireCall, status: number, headers: string, value: object): void {
  call.answer(status, `${JSON_TYPE}${headers}`, Buffer.from(JSON.stringify(value)));
}

function refuse(call: WireCall, errorType: string, errorMessage: string): void {
  answer(call, 403, '', { errorMessage, errorType });
}

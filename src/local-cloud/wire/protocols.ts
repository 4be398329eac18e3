/**
 * The ways in which AWS puts operations on HTTP: JSON bodies named by a header (1.0 and 1.1), REST with JSON, and forms
 * answered in XML. Requests are decoded and answers encoded here, compiled once per operation; REST with XML stands in
 * `rest-xml.ts`, and which service and operation is meant is the router's business.
 */
import { AwsError } from '../contract.ts';
import type { ServiceEntry } from './catalog.ts';
import { FORM_INPUT, formTree, JSON_INPUT, JSON_OUTPUT } from './dialects.ts';
import { type ErrorAnswer, malformedOutput, refusal } from './errors.ts';
import { type Mapper, mapperOf } from './mapper.ts';
import { boundDecoder, isInBody, membersOf } from './rest-bindings.ts';
import { encodeRestXmlError, restXmlCodec } from './rest-xml.ts';
import type { OperationSchema, Shape } from './schema.ts';
import { xmlContent, xmlElement } from './xml.ts';

export interface WireRequest {
  readonly method: string;
  /** Path without the query, as received (encoded). */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
  /** Values of the URL's labels (and of a host's, where it names a bucket), decoded; REST only. */
  readonly labels: Readonly<Record<string, string>>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string | Uint8Array;
}

/** One operation on the wire. */
export interface Codec {
  /** The native input. @throws AwsError when the request does not fit the schema */
  decode(request: WireRequest): unknown;
  /** @throws Error when the machine's output does not fit the schema */
  encode(output: unknown, requestId: string): Answer;
}

const codecs = new WeakMap<OperationSchema, Codec>();

/** The codec of an operation, compiled at its first use. */
export function codecOf(entry: ServiceEntry, operation: OperationSchema): Codec {
  let codec = codecs.get(operation);
  if (!codec) {
    codec = guard(entry, operation, compile(entry, operation));
    codecs.set(operation, codec);
  }
  return codec;
}

/** An error in the service's protocol. */
export function encodeError(entry: ServiceEntry, error: ErrorAnswer, requestId: string): Answer {
  if (entry.protocol === 'rest-xml') return encodeRestXmlError(error, requestId);
  const structure = error.schema?.structure;
  if (entry.protocol === 'query') {
    const members = structure ? xmlContent(structure)(error.members) : '';
    const type = error.fault === 'client' ? 'Sender' : 'Receiver';
    const body = `<ErrorResponse${namespace(entry)}><Error>${xmlElement('Type', type)}${xmlElement('Code', error.code)}${xmlElement('Message', error.message)}${members}</Error>${xmlElement('RequestId', requestId)}</ErrorResponse>`;
    return { status: error.status, headers: headers('text/xml', requestId), body };
  }
  const members = (structure ? mapperOf(structure, JSON_OUTPUT)(error.members) : {}) as Record<string, unknown>;
  const messageMember = structure?.members.find(({ name }) => name.toLowerCase() === 'message')?.name ?? 'message';
  members[messageMember] = error.message;
  if (entry.protocol === 'rest-json') {
    if (structure?.members.some(({ name }) => name === 'Type'))
      members.Type ??= error.fault === 'client' ? 'User' : 'Service';
    const typed = { ...headers('application/json', requestId), 'x-amzn-errortype': error.code };
    return { status: error.status, headers: typed, body: JSON.stringify(members) };
  }
  const body = JSON.stringify({ __type: error.code, ...members });
  return {
    status: error.status,
    headers: { ...headers(jsonType(entry), requestId), ...queryError(entry, error) },
    body,
  };
}

/** For clients that still know the service's query codes. */
function queryError(entry: ServiceEntry, { code, schema, fault }: ErrorAnswer): Record<string, string> {
  if (!entry.queryCodes) return {};
  const older = schema?.queryCode ?? entry.queryCodes[code] ?? code;
  return { 'x-amzn-query-error': `${older};${fault === 'client' ? 'Sender' : 'Receiver'}` };
}

function guard(entry: ServiceEntry, operation: OperationSchema, codec: Codec): Codec {
  return {
    decode(request) {
      try {
        return codec.decode(request);
      } catch (error) {
        throw refusal(entry, error);
      }
    },
    encode(output, requestId) {
      try {
        return codec.encode(output ?? {}, requestId);
      } catch (error) {
        throw malformedOutput(entry, operation.name, error);
      }
    },
  };
}

function compile(entry: ServiceEntry, operation: OperationSchema): Codec {
  switch (entry.protocol) {
    case 'query':
      return queryCodec(entry, operation);
    case 'rest-json':
      return restCodec(entry, operation);
    case 'rest-xml':
      return restXmlCodec(operation);
    default:
      return jsonCodec(entry, operation);
  }
}

// ------------------------------------------------------------------------------------------------------ JSON 1.0, 1.1

function jsonCodec(entry: ServiceEntry, operation: OperationSchema): Codec {
  const read = mapperOf(operation.input(), JSON_INPUT);
  const write = mapperOf(operation.output(), JSON_OUTPUT);
  const type = jsonType(entry);
  return {
    decode: (request) => read(parseJson(entry, request.body)),
    encode: (output, requestId) => ({
      status: 200,
      headers: headers(type, requestId),
      body: JSON.stringify(write(output)),
    }),
  };
}

function jsonType(entry: ServiceEntry): string {
  return entry.protocol === 'json-1.0' ? 'application/x-amz-json-1.0' : 'application/x-amz-json-1.1';
}

function parseJson(entry: ServiceEntry, body: Buffer): unknown {
  if (body.length === 0) return {};
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw new AwsError(entry.refusals.type, `Could not parse request body into json: ${(error as Error).message}`);
  }
}

// ------------------------------------------------------------------------------------------------------------- awsQuery

function queryCodec(entry: ServiceEntry, operation: OperationSchema): Codec {
  const read = mapperOf(operation.input(), FORM_INPUT);
  const output = operation.output();
  const write = xmlContent(output);
  const { name } = operation;
  return {
    decode: (request) => read(formTree(formOf(request))),
    encode(value, requestId) {
      const result = output.kind === 'unit' ? '' : `<${name}Result>${write(value)}</${name}Result>`;
      const body = `<${name}Response${namespace(entry)}>${result}<ResponseMetadata>${xmlElement('RequestId', requestId)}</ResponseMetadata></${name}Response>`;
      return { status: 200, headers: headers('text/xml', requestId), body };
    },
  };
}

/** The form of a request: its body, or its URL's query. */
export function formOf(request: Pick<WireRequest, 'method' | 'query' | 'body'>): URLSearchParams {
  return request.method === 'GET' ? request.query : new URLSearchParams(request.body.toString('utf8'));
}

function namespace(entry: ServiceEntry): string {
  return ` xmlns="${entry.xmlNamespace}"`;
}

// ------------------------------------------------------------------------------------------------------------ restJson1

function restCodec(entry: ServiceEntry, operation: OperationSchema): Codec {
  const decode = restDecoder(entry, operation.input());
  const encode = restEncoder(operation);
  return { decode, encode };
}

function restDecoder(entry: ServiceEntry, input: Shape): Codec['decode'] {
  const members = membersOf(input);
  const inBody = members.filter(isInBody);
  const hasPayload = members.some(({ bindings }) => bindings.payload);
  const readBody: Mapper = mapperOf({ kind: 'structure', name: 'body', members: inBody }, JSON_INPUT);
  const readBound = boundDecoder(input, ({ shape }) => {
    const target = shape();
    if (target.kind === 'blob') return (body) => new Uint8Array(body);
    return (body) => mapperOf(target, JSON_INPUT)(parseJson(entry, body));
  });
  return (request) => {
    const result = readBound(request);
    return hasPayload || inBody.length === 0 ? result : Object.assign(result, readBody(parseJson(entry, request.body)));
  };
}

function restEncoder(operation: OperationSchema): Codec['encode'] {
  const members = membersOf(operation.output());
  const inBody = members.filter(isInBody);
  const write = mapperOf({ kind: 'structure', name: 'body', members: inBody }, JSON_OUTPUT);
  const payload = members.find(({ bindings }) => bindings.payload);
  if (payload && payload.shape().kind !== 'blob')
    throw new Error(`${operation.name}: the local cloud answers payloads of bytes only`);
  const statusMember = members.find(({ bindings }) => bindings.statusCode);
  const inHeaders = members.flatMap(({ name, bindings }) =>
    bindings.header === undefined ? [] : [{ name, header: bindings.header }],
  );
  return (output, requestId) => {
    const record = output as Record<string, unknown>;
    const status = Number((statusMember && record[statusMember.name]) ?? operation.http?.status ?? 200);
    const answered = headers('application/json', requestId);
    for (const { name, header } of inHeaders) if (record[name] !== undefined) answered[header] = String(record[name]);
    if (payload) return { status, headers: answered, body: (record[payload.name] as Uint8Array | undefined) ?? '' };
    if (status === 204) return { status, headers: { 'x-amzn-requestid': requestId }, body: '' };
    return { status, headers: answered, body: JSON.stringify(write(record)) };
  };
}

function headers(contentType: string, requestId: string): Record<string, string> {
  return { 'content-type': contentType, 'x-amzn-requestid': requestId };
}

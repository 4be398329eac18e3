/**
 * REST with XML, as S3 speaks it: members in the URL and in headers, one member as the whole body (bytes, or an XML
 * document), answers with their members in headers and XML, errors without a wrapper. Compiled once per operation.
 */
import { AwsError } from '../contract.ts';
import { unchunked } from './aws-chunked.ts';
import { FORM_INPUT, NATIVE_OUTPUT } from './dialects.ts';
import type { ErrorAnswer } from './errors.ts';
import { type Dialect, Mismatch, mapperOf } from './mapper.ts';
import type { Answer, Codec } from './protocols.ts';
import { boundDecoder, isInBody, membersOf } from './rest-bindings.ts';
import type { Member, OperationSchema, Shape } from './schema.ts';
import { escapeXml, xmlElement } from './xml.ts';
import { readXml, type XmlElement } from './xml-reader.ts';

const DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n';
const NAMESPACE = ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"';

/** Leaves are text, containers as the SDK has them. */
const TEXT_INPUT: Dialect = {
  strict: FORM_INPUT.strict,
  string: FORM_INPUT.string,
  number: FORM_INPUT.number,
  boolean: FORM_INPUT.boolean,
  blob: FORM_INPUT.blob,
  timestamp: FORM_INPUT.timestamp,
};

export function restXmlCodec(operation: OperationSchema): Codec {
  const read = boundDecoder(operation.input(), payloadReader);
  return { decode: (request) => read(unchunked(request)), encode: encoder(operation) };
}

/** Errors stand by themselves. A HEAD has no body, so that its status alone tells what it was. */
export function encodeRestXmlError(error: ErrorAnswer, requestId: string): Answer {
  const members = error.schema ? content(error.schema.structure, error.members) : '';
  const body = `${DECLARATION}<Error>${xmlElement('Code', error.code)}${xmlElement('Message', error.message)}${members}${xmlElement('RequestId', requestId)}</Error>`;
  return { status: error.status, headers: headers('application/xml', requestId), body };
}

function headers(contentType: string | undefined, requestId: string): Record<string, string> {
  return { ...(contentType === undefined ? {} : { 'content-type': contentType }), 'x-amz-request-id': requestId };
}

// ------------------------------------------------------------------------------------------------------------ requests

function payloadReader({ name, xml, shape }: Member): (body: Buffer) => unknown {
  const target = shape();
  if (target.kind === 'blob') return (body) => new Uint8Array(body);
  const read = mapperOf(target, TEXT_INPUT);
  const root = xml?.name ?? name;
  return (body) => {
    try {
      const element = readXml(body.toString('utf8'));
      if (element.name !== root) throw new Mismatch('type', `expected <${root}>, found <${element.name}>`);
      return read(asValue(target, element));
    } catch (error) {
      if (!(error instanceof Mismatch)) throw error;
      throw new AwsError(
        'MalformedXML',
        `The XML you provided was not well-formed or not as expected: ${error.message}`,
      );
    }
  };
}

/** The element as the SDK would have the value, with text for leaves. Elements that the shape does not know are an error. */
function asValue(shape: Shape, element: XmlElement): unknown {
  switch (shape.kind) {
    case 'structure':
    case 'union': {
      const value: Record<string, unknown> = {};
      const unknown = new Set(element.elements.map(({ name }) => name));
      for (const member of shape.members) {
        const name = member.xml?.name ?? member.name;
        const found = element.elements.filter((inner) => inner.name === name);
        const [first] = found;
        unknown.delete(name);
        if (!first) continue;
        const target = member.shape();
        value[member.name] =
          target.kind === 'list'
            ? (member.xml?.flattened ? found : first.elements).map((inner) => asValue(target.element(), inner))
            : asValue(target, first);
      }
      const [stranger] = unknown;
      if (stranger !== undefined) throw new Mismatch('type', `<${element.name}> knows no <${stranger}>`);
      return value;
    }
    case 'list':
    case 'map':
      throw new Error(`<${element.name}>: the local cloud reads lists of structures only`);
    default:
      return element.text;
  }
}

// ------------------------------------------------------------------------------------------------------------- answers

function encoder(operation: OperationSchema): Codec['encode'] {
  const output = operation.output();
  const check = mapperOf(output, NATIVE_OUTPUT);
  const members = membersOf(output);
  const inBody = members.filter(isInBody);
  const payload = members.find(({ bindings }) => bindings.payload);
  const root = output.kind === 'structure' ? (output.xmlName ?? output.name) : '';
  const status = operation.http?.status ?? 200;
  const isHead = operation.http?.method === 'HEAD';
  return (value, requestId) => {
    const record = check(value) as Record<string, unknown>;
    const answered = headers(undefined, requestId);
    for (const member of members) Object.assign(answered, headersOf(member, record[member.name]));
    if (payload) {
      const body = (record[payload.name] as Uint8Array | undefined) ?? '';
      return { status: record.ContentRange === undefined ? status : 206, headers: answered, body };
    }
    if (inBody.length === 0 || isHead) return { status, headers: answered, body: '' };
    answered['content-type'] = 'application/xml';
    const body = `${DECLARATION}<${root}${NAMESPACE}>${membersXml(inBody, record)}</${root}>`;
    return { status, headers: answered, body };
  };
}

function headersOf({ bindings, shape }: Member, value: unknown): Record<string, string> {
  if (value === undefined) return {};
  const { header, prefixHeaders } = bindings;
  if (prefixHeaders !== undefined) {
    const entries = Object.entries(value as Record<string, string>);
    return Object.fromEntries(entries.map(([name, inner]) => [`${prefixHeaders}${name}`, inner]));
  }
  if (header === undefined) return {};
  const target = shape();
  if (target.kind !== 'timestamp') return { [header]: String(value) };
  const date = value as Date;
  return { [header]: target.format === 'date-time' ? date.toISOString() : date.toUTCString() };
}

function membersXml(members: readonly Member[], record: Readonly<Record<string, unknown>>): string {
  return members.map((member) => memberXml(member, record[member.name])).join('');
}

function memberXml({ name, xml, shape }: Member, value: unknown): string {
  if (value === undefined) return '';
  const element = xml?.name ?? name;
  const target = shape();
  if (target.kind !== 'list') return `<${element}>${content(target, value)}</${element}>`;
  const inner = (value as unknown[]).map((one) => content(target.element(), one));
  if (xml?.flattened) return inner.map((one) => `<${element}>${one}</${element}>`).join('');
  const { elementName } = target;
  return `<${element}>${inner.map((one) => `<${elementName}>${one}</${elementName}>`).join('')}</${element}>`;
}

function content(shape: Shape, value: unknown): string {
  switch (shape.kind) {
    case 'structure':
    case 'union':
      return membersXml(shape.members, value as Record<string, unknown>);
    case 'blob':
      return Buffer.from(value as Uint8Array).toString('base64');
    case 'timestamp':
      return (value as Date).toISOString();
    case 'list':
    case 'map':
    case 'document':
      throw new Error(`the local cloud writes no ${shape.kind} of restXml here`);
    case 'unit':
      return '';
    default:
      return escapeXml(String(value));
  }
}

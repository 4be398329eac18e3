/**
 * What the REST protocols carry outside of a body: labels of the URL, its query, headers. Shared by restJson and
 * restXml; what a body holds is theirs.
 */
import { FORM_INPUT } from './dialects.ts';
import { type Mapper, Mismatch, mapperOf } from './mapper.ts';
import type { WireRequest } from './protocols.ts';
import type { Member, Shape } from './schema.ts';

export function membersOf(shape: Shape): readonly Member[] {
  return shape.kind === 'structure' ? shape.members : [];
}

export function isInBody({ bindings }: Member): boolean {
  return Object.keys(bindings).length === 0;
}

/**
 * Reads all members that are not in the body.
 * @param payload how the member is read that is the body as a whole
 */
export function boundDecoder(
  input: Shape,
  payload: (member: Member) => (body: Buffer) => unknown,
): (request: WireRequest) => Record<string, unknown> {
  const bound = membersOf(input)
    .filter((member) => !isInBody(member))
    .map((member) => ({ ...member, read: boundReader(member, payload) }));
  return (request) => {
    const result: Record<string, unknown> = {};
    for (const { name, required, read } of bound) {
      try {
        const value = read(request);
        if (value !== undefined) result[name] = value;
        else if (required) throw new Mismatch('missing', 'is missing');
      } catch (error) {
        if (error instanceof Mismatch) error.path.unshift(name);
        throw error;
      }
    }
    return result;
  };
}

function boundReader(
  member: Member,
  payload: (member: Member) => (body: Buffer) => unknown,
): (request: WireRequest) => unknown {
  const { label, header, prefixHeaders, query } = member.bindings;
  const target = member.shape();
  if (member.bindings.payload) {
    const read = payload(member);
    return ({ body }) => (body.length === 0 ? undefined : read(body));
  }
  if (prefixHeaders !== undefined) return (request) => prefixed(request.headers, prefixHeaders);
  if (query !== undefined && target.kind === 'list') {
    const read = mapperOf(target.element(), FORM_INPUT);
    return (request) => (request.query.has(query) ? request.query.getAll(query).map(read) : undefined);
  }
  const read: Mapper = mapperOf(target, FORM_INPUT);
  return (request) => {
    let text: unknown;
    if (label) text = request.labels[member.name];
    else if (query !== undefined) text = request.query.get(query) ?? undefined;
    else if (header !== undefined) text = request.headers[header];
    return text === undefined ? undefined : read(text);
  };
}

function prefixed(headers: WireRequest['headers'], prefix: string): Record<string, string> | undefined {
  const found = Object.entries(headers).filter(([name, value]) => name.startsWith(prefix) && value !== undefined);
  if (found.length === 0) return undefined;
  return Object.fromEntries(found.map(([name, value]) => [name.slice(prefix.length), String(value)]));
}

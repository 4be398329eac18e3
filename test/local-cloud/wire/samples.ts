/**
 * Values made from a schema: every member filled, recursion cut. With them the whole surface of a service can be sent
 * through the unmodified SDK and compared, operation by operation.
 */
import type { Member, Shape } from '../../../src/local-cloud/wire/schema.ts';

/** EventBridge's client makes a host of it. */
const HOST_LABEL = 'EndpointId';
const AWKWARD = 'é "quoted" & <tagged>\r\n\ttext ';

/** A native value of the shape. */
export function sampleOf(shape: Shape, ancestors: readonly Shape[] = []): unknown {
  const depth = ancestors.length;
  const within = (inner: Shape) => sampleOf(inner, [...ancestors, shape]);
  switch (shape.kind) {
    case 'string':
      return AWKWARD;
    case 'number':
      return 42;
    case 'boolean':
      return depth % 2 === 0;
    case 'blob':
      return new Uint8Array([0, 1, 254, 255, depth]);
    case 'timestamp':
      return new Date(Date.UTC(2026, 1, 3, 4, 5, 6, 789));
    case 'document':
      return { any: [1, 'two', { three: null }] };
    case 'unit':
      return {};
    case 'list':
      return depth < 4 ? [within(shape.element()), within(shape.element())] : [within(shape.element())];
    case 'map':
      return { 'a.key': within(shape.element()), other: within(shape.element()) };
    case 'union': {
      const members = shape.members.filter((member) => !recurs(member, [...ancestors, shape]));
      const member = members[depth % members.length];
      return member ? { [member.name]: within(member.shape()) } : {};
    }
    case 'structure': {
      const members = shape.members.filter((member) => !recurs(member, [...ancestors, shape]));
      return Object.fromEntries(
        members
          .filter(({ name }) => name !== HOST_LABEL)
          .map((member) => [member.name, boundSample(member) ?? within(member.shape())]),
      );
    }
  }
}

/** Whether the member leads back to a shape that is being filled. */
function recurs(member: Member, ancestors: readonly Shape[]): boolean {
  let shape = member.shape();
  while (shape.kind === 'list' || shape.kind === 'map') shape = shape.element();
  return (shape.kind === 'structure' || shape.kind === 'union') && ancestors.includes(shape);
}

/** Members outside of a body: what a header or a URL can hold. */
function boundSample(member: Member): unknown {
  const { label, header, query, statusCode } = member.bindings;
  if (statusCode) return 200;
  if (member.shape().kind !== 'string') return undefined;
  if (label) return 'arn:aws:thing/with %2F?#é';
  if (header !== undefined) return 'plain-header';
  return query === undefined ? undefined : 'a b&c=d/é';
}

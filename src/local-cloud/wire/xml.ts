/**
 * Writes outputs of the awsQuery protocol as XML, compiled once per shape. Only what that protocol needs: lists are
 * `member` elements, maps are `entry` elements, no attributes.
 */
import { NATIVE_OUTPUT } from './dialects.ts';
import { mapperOf } from './mapper.ts';
import type { Shape } from './schema.ts';

type XmlWriter = (value: unknown) => string;

const writers = new WeakMap<Shape, XmlWriter>();

/** The content of an element that holds a value of this shape. The value is checked against the schema first. */
export function xmlContent(shape: Shape): XmlWriter {
  const check = mapperOf(shape, NATIVE_OUTPUT);
  const write = writerOf(shape);
  return (value) => write(check(value));
}

/** One element with text content. */
export function xmlElement(name: string, text: string): string {
  return `<${name}>${escapeXml(text)}</${name}>`;
}

function writerOf(shape: Shape): XmlWriter {
  const known = writers.get(shape);
  if (known) return known;
  let writer: XmlWriter | undefined;
  writers.set(shape, (value) => (writer as XmlWriter)(value));
  writer = compile(shape);
  writers.set(shape, writer);
  return writer;
}

function compile(shape: Shape): XmlWriter {
  switch (shape.kind) {
    case 'structure':
    case 'union': {
      const members = shape.members.map((member) => ({ name: member.name, write: writerOf(member.shape()) }));
      return (value) => {
        const record = value as Record<string, unknown>;
        let text = '';
        for (const { name, write } of members) {
          const inner = record[name];
          if (inner !== undefined) text += `<${name}>${write(inner)}</${name}>`;
        }
        return text;
      };
    }
    case 'list': {
      const write = writerOf(shape.element());
      return (value) => (value as unknown[]).map((element) => `<member>${write(element)}</member>`).join('');
    }
    case 'map': {
      const write = writerOf(shape.element());
      return (value) =>
        Object.entries(value as Record<string, unknown>)
          .map(([key, inner]) => `<entry>${xmlElement('key', key)}<value>${write(inner)}</value></entry>`)
          .join('');
    }
    case 'blob':
      return (value) => Buffer.from(value as Uint8Array).toString('base64');
    case 'timestamp':
      return (value) => (value as Date).toISOString();
    case 'unit':
      return () => '';
    default:
      return (value) => escapeXml(String(value));
  }
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\r': '&#xD;',
};

/** Text as the content of an element. */
export function escapeXml(text: string): string {
  return text.replace(/[&<>"\r]/g, (character) => ENTITIES[character] ?? character);
}

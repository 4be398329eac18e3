/**
 * Reads the small XML documents that restXml requests carry: elements and text. Attributes are passed over; document
 * types, processing instructions (but the declaration) and CDATA, which no client of AWS sends, are refused.
 */
import { Mismatch } from './mapper.ts';

export interface XmlElement {
  readonly name: string;
  /** Text, trimmed when there are elements beside it. */
  readonly text: string;
  readonly elements: readonly XmlElement[];
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
/** What may stand in a document, in the order in which it is looked for. */
const TOKEN =
  /<\/([\w.:-]+)\s*>|<([\w.:-]+)((?:\s+[\w.:-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>|<!--[\s\S]*?-->|[^<]+/y;
const DECLARATION = /^\uFEFF?<\?xml\s[^>]*\?>\s*/;
const DEPTH_MAX = 20;

/** The root element. @throws Mismatch when the text is not well-formed */
export function readXml(document: string): XmlElement {
  const text = document.replace(DECLARATION, '').trimEnd();
  const root = { name: '', text: '', elements: [] as XmlElement[] };
  const open = [root];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const at = TOKEN.lastIndex;
    const token = TOKEN.exec(text);
    const inner = open.at(-1) ?? root;
    if (!token) throw malformed(`at '${text.slice(at, at + 20)}'`);
    const [whole, closed, opened, , isEmpty] = token;
    if (opened !== undefined) {
      const element = { name: localName(opened), text: '', elements: [] as XmlElement[] };
      inner.elements.push(element);
      if (isEmpty !== '/') open.push(element);
      if (open.length > DEPTH_MAX) throw malformed('it is too deep');
    } else if (closed !== undefined) {
      if (open.length === 1 || inner.name !== localName(closed)) throw malformed(`at '${whole}'`);
      open.pop();
    } else if (!whole.startsWith('<!--')) {
      inner.text += unescaped(whole);
    }
  }
  const [element, ...others] = root.elements;
  if (open.length > 1 || !element || others.length > 0 || root.text.trim() !== '')
    throw malformed('it has no one root');
  return element;
}

function localName(name: string): string {
  return name.slice(name.indexOf(':') + 1);
}

function unescaped(text: string): string {
  return text.replace(/&(#x[0-9a-fA-F]{1,6}|#[0-9]{1,7}|\w+);?/g, (whole, name: string) => {
    const point = name.startsWith('#x') ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1));
    const character = name.startsWith('#') && point <= 0x10ffff ? String.fromCodePoint(point) : ENTITIES[name];
    if (character === undefined || !whole.endsWith(';')) throw malformed(`'${whole}' means nothing`);
    return character;
  });
}

function malformed(why: string): Mismatch {
  return new Mismatch('type', `the XML is not well-formed: ${why}`);
}

/**
 * What the text of a YAML document says beyond its values: where each member stands, how numbers are spelled, and what
 * readers of YAML do not agree upon, which is refused. Duplicate keys are found here and not by the parser, which
 * compares every key with every other.
 */
import { isAlias, isMap, isScalar, isSeq, type Node, type Pair, Scalar } from 'yaml';
import { formatPath, type Path } from './defects.ts';
import { pathsAbove } from './path-index.ts';

export interface TextDefect {
  readonly path: string;
  readonly message: string;
  readonly offset: number;
}

/** Deeper members are placed at their parents; a spec is refused at a depth of 40. */
const DEPTH_MAX = 60;
const DEFECTS_MAX = 20;

export class DocumentMap {
  readonly defects: TextDefect[] = [];
  readonly #offsets = new Map<string, number>();
  readonly #anchors = new Set<string>();
  readonly #spellings = new Map<string, string>();

  constructor(root: Node) {
    this.#walk(root, [], 0);
  }

  /** Where the member stands, or the nearest one above it that is there. */
  offsetOf(path: string): number | undefined {
    for (const candidate of [path, ...pathsAbove(path).reverse()]) {
      const offset = this.#offsets.get(candidate);
      if (offset !== undefined) return offset;
    }
    return undefined;
  }

  /** The text of a number that is not written as we would print it: `1.10`, `1e3`, `12345678901234567890`. */
  spellingOf(path: string): string | undefined {
    return this.#spellings.get(path);
  }

  #walk(node: Node, path: Path, depth: number): void {
    if (depth > DEPTH_MAX) return;
    // Members that come through an alias are placed where the alias stands.
    if (isAlias(node)) {
      const name = node.source;
      if (this.#anchors.has(name)) return;
      this.#report(
        path,
        `*${name} is the alias of an anchor that is not set before it; write &${name} where the value is`,
        node.range?.[0] ?? 0,
      );
      return;
    }
    if ((isMap(node) || isSeq(node) || isScalar(node)) && node.anchor !== undefined) this.#anchors.add(node.anchor);
    if (isMap(node)) this.#walkMap(node.items, path, depth);
    else if (isSeq(node)) {
      for (const [index, element] of node.items.entries()) {
        if (element && typeof element === 'object') this.#visit(element as Node, [...path, index], undefined, depth);
      }
    } else if (isScalar(node)) this.#readNumber(node, path);
  }

  #walkMap(pairs: readonly Pair[], path: Path, depth: number): void {
    const seen = new Set<string>();
    for (const { key, value } of pairs) {
      if (!isScalar(key) || key.value === null) {
        const offset = (key as Node | null)?.range?.[0] ?? (value as Node | null)?.range?.[0] ?? 0;
        const what = isScalar(key) || key === null ? 'an empty key' : 'a key that is not text';
        this.#report(path, `has ${what}; write a word before the colon`, offset);
        continue;
      }
      // `<<` is a symbol where it merges.
      const name = typeof key.value === 'symbol' ? '<<' : String(key.value);
      const member = [...path, name];
      if (seen.has(name)) {
        this.#report(member, 'the same key stands twice in one map; remove one of them', key.range?.[0] ?? 0);
      }
      seen.add(name);
      if (value && typeof value === 'object') this.#visit(value as Node, member, key.range?.[0], depth);
      else if (key.range) this.#offsets.set(formatPath(member), key.range[0]);
    }
  }

  /** A member of a map stands at its key, an element of a list at its value. */
  #visit(node: Node, path: Path, keyOffset: number | undefined, depth: number): void {
    const offset = keyOffset ?? node.range?.[0];
    if (offset !== undefined) this.#offsets.set(formatPath(path), offset);
    this.#walk(node, path, depth + 1);
  }

  #readNumber(scalar: Scalar, path: Path): void {
    const text = scalar.source;
    if (scalar.type !== Scalar.PLAIN || text === undefined || typeof scalar.value !== 'number') return;
    if (/^[-+]?0[0-9]/.test(text)) {
      this.#report(
        path,
        `${text} has a leading zero: an octal number to some readers of YAML, decimal to others; write ${scalar.value}, or "${text}" in quotes if it is text`,
        scalar.range?.[0] ?? 0,
      );
    } else if (String(scalar.value) !== text) this.#spellings.set(formatPath(path), text);
  }

  #report(path: Path, message: string, offset: number): void {
    if (this.defects.length >= DEFECTS_MAX) return;
    this.defects.push({ path: path.length === 0 ? '(document)' : formatPath(path), message, offset });
  }
}

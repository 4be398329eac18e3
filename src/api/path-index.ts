/**
 * Printed paths of defects, to ask whether another path is one of them, lies above or lies below. The answer takes as
 * long as the path is deep, however many there are: a hostile record can have tens of thousands.
 */
export class PathIndex {
  readonly #paths = new Set<string>();
  readonly #above = new Set<string>();

  constructor(paths: Iterable<string> = []) {
    for (const path of paths) this.add(path);
  }

  add(path: string): void {
    this.#paths.add(path);
    for (const upper of pathsAbove(path)) this.#above.add(upper);
  }

  overlaps(path: string): boolean {
    return this.#paths.has(path) || this.#above.has(path) || pathsAbove(path).some((upper) => this.#paths.has(upper));
  }
}

/** `a.b["c.d"][0]` → `a`, `a.b`, `a.b["c.d"]`: from the top, without the path itself. */
export function pathsAbove(path: string): string[] {
  const uppers: string[] = [];
  let isQuoted = false;
  for (let index = 0; index < path.length; index++) {
    const character = path[index];
    if (isQuoted && character === '\\') index++;
    else if (character === '"') isQuoted = !isQuoted;
    else if (!isQuoted && index > 0 && (character === '.' || character === '[')) uppers.push(path.slice(0, index));
  }
  return uppers;
}

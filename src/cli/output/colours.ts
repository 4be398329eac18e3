/** Colours, on terminals only; `NO_COLOR` and `TERM=dumb` switch them off. */
import type { CliIo } from './io.ts';

export type Paint = (text: string) => string;

export interface Colours {
  readonly good: Paint;
  readonly bad: Paint;
  readonly busy: Paint;
  readonly dim: Paint;
  readonly strong: Paint;
}

export function coloursFor(io: Pick<CliIo, 'isTTY' | 'env'>): Colours {
  // no-color.org: any value that is not empty counts.
  const isPlain = !io.isTTY || (io.env.NO_COLOR ?? '') !== '' || io.env.TERM === 'dumb';
  const paint = (code: number): Paint => (isPlain ? (text) => text : (text) => `\x1b[${code}m${text}\x1b[0m`);
  return { good: paint(32), bad: paint(31), busy: paint(33), dim: paint(2), strong: paint(1) };
}

import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../src/core/index.ts';
import { LINE_BYTES_MAX, LineSplitter, LogCapture } from '../../../src/local-cloud/drivers/log-capture.ts';

function split(...chunks: (string | Buffer)[]): string[] {
  const lines: string[] = [];
  const splitter = new LineSplitter((line) => lines.push(line));
  for (const chunk of chunks) splitter.write(Buffer.from(chunk));
  splitter.end();
  return lines;
}

describe('LineSplitter', () => {
  const euro = Buffer.from('€');
  it.each([
    { reason: 'lines in one chunk', chunks: ['a\nb\n'], lines: ['a', 'b'] },
    { reason: 'a line over chunks', chunks: ['a', 'b', 'c\nd'], lines: ['abc', 'd'] },
    { reason: 'empty lines are lines', chunks: ['\n\na\n'], lines: ['', '', 'a'] },
    {
      reason: 'carriage returns at the end belong to the line end',
      chunks: ['a\r', '\nb\rc\r\n'],
      lines: ['a', 'b\rc'],
    },
    { reason: 'a character over chunks', chunks: [euro.subarray(0, 1), euro.subarray(1), '\n'], lines: ['€'] },
    { reason: 'nothing at the end is no line', chunks: ['a\n', ''], lines: ['a'] },
  ])('$reason', ({ chunks, lines }) => {
    expect(split(...chunks)).toEqual(lines);
  });

  it('cuts what is too long between characters', () => {
    const lines = split(`${'€'.repeat(100_000)}\nnext`);
    expect(lines.at(-1)).toBe('next');
    expect(lines.slice(0, -1).join('')).toBe('€'.repeat(100_000));
    expect(lines.length).toBe(3);
    for (const line of lines) expect(Buffer.byteLength(line)).toBeLessThanOrEqual(LINE_BYTES_MAX);
  });
});

describe('LogCapture', () => {
  it('collects for a moment, keeps the order of both streams, drops empty lines', () => {
    const clock = new VirtualClock();
    const batches: string[][] = [];
    const capture = new LogCapture(clock, (messages) => batches.push(messages.map(({ message }) => message)));
    capture.stdout.write(Buffer.from('1\n'));
    capture.stderr.write(Buffer.from('2\n\n'));
    capture.stdout.write(Buffer.from('3\n4'));
    expect(batches).toEqual([]);
    clock.step();
    expect(batches).toEqual([['1', '2', '3']]);
    capture.end();
    expect(batches).toEqual([['1', '2', '3'], ['4']]);
    expect(clock.nextAtMs(), 'no timer is left').toBeUndefined();
  });

  it('does not collect more than a batch', () => {
    const batches: number[] = [];
    const capture = new LogCapture(new VirtualClock(), (messages) => batches.push(messages.length));
    capture.stdout.write(Buffer.from('x\n'.repeat(2500)));
    expect(batches).toEqual([1000, 1000]);
    capture.end();
    expect(batches).toEqual([1000, 1000, 500]);
  });
});

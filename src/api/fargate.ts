/** The task sizes that Fargate sells: memory is independent of CPU only within these pairs. */
export const FARGATE_CPU = [256, 512, 1024, 2048, 4096, 8192, 16384, 32768] as const;

const MEMORY_MIB: Record<number, readonly number[]> = {
  256: [512, 1024, 2048],
  512: gigabytes(1, 4, 1),
  1024: gigabytes(2, 8, 1),
  2048: gigabytes(4, 16, 1),
  4096: gigabytes(8, 30, 1),
  8192: gigabytes(16, 60, 4),
  16384: gigabytes(32, 120, 8),
  32768: [60, 120, 244].map((gib) => gib * 1024),
};

function gigabytes(from: number, to: number, step: number): number[] {
  return Array.from({ length: (to - from) / step + 1 }, (_, index) => (from + index * step) * 1024);
}

/** The valid memory sizes (MiB) of a CPU size, ascending; empty for what is not a CPU size. */
export function memorySizes(cpu: number): readonly number[] {
  return MEMORY_MIB[cpu] ?? [];
}

/** `512, 1024, 2048` or, for long rows, `16384 to 61440 in steps of 4096`. */
export function describeMemorySizes(cpu: number): string {
  const sizes = memorySizes(cpu);
  if (sizes.length <= 4) return sizes.join(', ');
  return `${sizes[0]} to ${sizes.at(-1)} in steps of ${(sizes[1] ?? 0) - (sizes[0] ?? 0)}`;
}

/** Randomness as a port: seeded in tests and in the simulation, the platform's elsewhere. */
import { randomBytes } from 'node:crypto';

export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** `bytes` random bytes as lower-case hex. */
  hex(bytes: number): string;
}

export const systemRandom: Random = {
  next: () => randomBytes(4).readUInt32BE() / 0x1_0000_0000,
  hex: (bytes) => randomBytes(bytes).toString('hex'),
};

/** A seeded generator (mulberry32): the same seed gives the same sequence on every machine. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000;
  };
  return {
    next,
    hex: (bytes) => {
      let text = '';
      for (let i = 0; i < bytes; i++)
        text += Math.floor(next() * 256)
          .toString(16)
          .padStart(2, '0');
      return text;
    },
  };
}

/** A random UUID (version 4 layout) from the given source. */
export function uuid(random: Random): string {
  const hex = random.hex(16);
  const variant = '89ab'[Number.parseInt(hex[16] ?? '0', 16) & 3];
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20)}`;
}

/**
 * Gzip without a compressor. The bytes that zlib's deflate gives differ between its versions and between processors, so
 * a digest built on it would differ between machines. A gzip file may consist of several members: here a member is
 * either a deflate stream that already exists (a zip entry's, spliced in unchanged), stored blocks, or runs coded by
 * the thirty lines below (tar headers are mostly NUL bytes). Each of these is a function of its input alone.
 */
import { crc32 } from 'node:zlib';

/** Opens a member; a raw deflate stream and `memberTail` must follow. No name, no time, operating system unknown. */
export const MEMBER_HEAD = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);

/** Closes a member: checksum and length of what the deflate stream decodes to. */
export function memberTail(checksum: number, size: number): Buffer {
  const tail = Buffer.alloc(8);
  tail.writeUInt32LE(checksum >>> 0, 0);
  tail.writeUInt32LE(size % 0x1_0000_0000, 4);
  return tail;
}

const STORED_MAX = 0xffff;

/** A member that holds `content` uncompressed, however it comes in pieces. */
export async function* storedMember(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let checksum = 0;
  let size = 0;
  yield MEMBER_HEAD;
  let pending: Buffer = Buffer.alloc(0);
  for await (const piece of content) {
    checksum = crc32(piece, checksum);
    size += piece.length;
    pending =
      pending.length === 0
        ? Buffer.from(piece.buffer, piece.byteOffset, piece.length)
        : Buffer.concat([pending, piece]);
    // Blocks of one fixed size whatever the pieces were: the result depends on the bytes alone.
    let start = 0;
    for (; pending.length - start > STORED_MAX; start += STORED_MAX) {
      yield storedHead(STORED_MAX, false);
      yield pending.subarray(start, start + STORED_MAX);
    }
    // A copy: the producer may use its buffer again.
    pending = Buffer.from(pending.subarray(start));
  }
  yield storedHead(pending.length, true);
  yield pending;
  yield memberTail(checksum, size);
}

function storedHead(length: number, final: boolean): Buffer {
  const head = Buffer.alloc(5);
  head[0] = final ? 1 : 0;
  head.writeUInt16LE(length, 1);
  head.writeUInt16LE(~length & 0xffff, 3);
  return head;
}

/** A member whose repeated bytes are coded as runs (fixed Huffman codes, distance 1): for tar headers and padding. */
export function runsMember(content: Uint8Array): Buffer {
  const bits = new BitWriter(content.length + 16);
  bits.write(0b011, 3);
  let index = 0;
  while (index < content.length) {
    const byte = content[index] ?? 0;
    bits.literal(byte);
    index++;
    let run = 0;
    while (run < 258 && content[index + run] === byte) run++;
    if (run >= 3) {
      bits.run(run);
      index += run;
    }
  }
  bits.literal(256);
  return Buffer.concat([MEMBER_HEAD, bits.bytes(), memberTail(crc32(content), content.length)]);
}

// RFC 1951, 3.2.5: first length of each length code from 257 on; extra bits follow from the differences.
const LENGTH_BASE = [
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
];

class BitWriter {
  #bytes: Buffer;
  #length = 0;
  #bits = 0;
  #count = 0;

  constructor(capacity: number) {
    this.#bytes = Buffer.alloc(capacity);
  }

  /** Least significant bit first. */
  write(value: number, count: number): void {
    this.#bits |= value << this.#count;
    this.#count += count;
    while (this.#count >= 8) {
      this.#push(this.#bits & 0xff);
      this.#bits >>>= 8;
      this.#count -= 8;
    }
  }

  /** The fixed Huffman code of a literal or length symbol (RFC 1951, 3.2.6). */
  literal(symbol: number): void {
    if (symbol < 144) this.#code(0x30 + symbol, 8);
    else if (symbol < 256) this.#code(0x190 + symbol - 144, 9);
    else if (symbol < 280) this.#code(symbol - 256, 7);
    else this.#code(0xc0 + symbol - 280, 8);
  }

  /** `length` (3 to 258) more of the byte before. */
  run(length: number): void {
    let code = LENGTH_BASE.length - 1;
    while ((LENGTH_BASE[code] ?? 0) > length) code--;
    this.literal(257 + code);
    const extraBits = length === 258 || code < 8 ? 0 : (code >> 2) - 1;
    this.write(length - (LENGTH_BASE[code] ?? 0), extraBits);
    this.write(0, 5);
  }

  bytes(): Buffer {
    if (this.#count > 0) this.write(0, 8 - this.#count);
    return this.#bytes.subarray(0, this.#length);
  }

  /** Huffman codes are packed most significant bit first. */
  #code(code: number, count: number): void {
    let reversed = 0;
    for (let bit = 0; bit < count; bit++) reversed |= ((code >> bit) & 1) << (count - 1 - bit);
    this.write(reversed, count);
  }

  #push(byte: number): void {
    if (this.#length === this.#bytes.length)
      this.#bytes = Buffer.concat([this.#bytes, Buffer.alloc(this.#bytes.length)]);
    this.#bytes[this.#length++] = byte;
  }
}

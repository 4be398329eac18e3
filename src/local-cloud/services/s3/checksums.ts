/**
 * Checksums of objects as clients give them: whole-object ones, in base64, verified before anything is kept.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
 */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type * as s3 from '@aws-sdk/client-s3';
import { AwsError } from '../../contract.ts';
import { invalidArgument, notSupported } from './defects.ts';

const ALGORITHMS = {
  ChecksumCRC32: (bytes: Uint8Array) => uint32(crc32(bytes)),
  ChecksumCRC32C: (bytes: Uint8Array) => uint32(crc32c(bytes)),
  ChecksumCRC64NVME: (bytes: Uint8Array) => crc64nvme(bytes),
  ChecksumSHA1: (bytes: Uint8Array) => createHash('sha1').update(bytes).digest(),
  ChecksumSHA256: (bytes: Uint8Array) => createHash('sha256').update(bytes).digest(),
} as const;

type Member = keyof typeof ALGORITHMS;

/** By the member that carries it. */
export type Checksums = Readonly<Partial<Record<Member, string>>>;

export const CHECKSUM_MEMBERS = Object.keys(ALGORITHMS) as Member[];

/** The checksum that came with the bytes. @throws AwsError when it is not theirs, or there is more than one */
export function verified(input: s3.PutObjectCommandInput, bytes: Uint8Array): Checksums {
  const given = CHECKSUM_MEMBERS.filter((name) => input[name] !== undefined);
  const [member] = given;
  if (given.length > 1) throw invalidArgument('Expecting a single x-amz-checksum- header');
  if (input.ContentMD5 !== undefined && createHash('md5').update(bytes).digest('base64') !== input.ContentMD5) {
    throw new AwsError('BadDigest', 'The Content-MD5 you specified did not match what we received.', 400);
  }
  const asked = input.ChecksumAlgorithm;
  if (asked !== undefined && !Object.hasOwn(ALGORITHMS, `Checksum${asked}`)) throw notSupported(`Checksum ${asked}`);
  if (member === undefined) return {};
  const value = ALGORITHMS[member](bytes).toString('base64');
  if (value !== input[member]) {
    const name = member.slice('Checksum'.length);
    throw new AwsError('BadDigest', `The ${name} you specified did not match the calculated checksum.`, 400);
  }
  return { [member]: value };
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

const CASTAGNOLI = table32(0x82f63b78);

function table32(polynomial: number): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, byte) => {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ polynomial : value >>> 1;
    return value >>> 0;
  });
}

function crc32c(bytes: Uint8Array): number {
  let value = 0xffffffff;
  for (const byte of bytes) value = (CASTAGNOLI[(value ^ byte) & 0xff] ?? 0) ^ (value >>> 8);
  return ~value >>> 0;
}

const NVME_POLYNOMIAL = 0x9a6c9329ac4bc9b5n;
/** High and low halves: numbers of 64 bits would each be an object. */
const NVME = tables64(NVME_POLYNOMIAL);

function tables64(polynomial: bigint): { high: Uint32Array; low: Uint32Array } {
  const high = new Uint32Array(256);
  const low = new Uint32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let value = BigInt(byte);
    for (let bit = 0; bit < 8; bit++) value = value & 1n ? (value >> 1n) ^ polynomial : value >> 1n;
    high[byte] = Number(value >> 32n);
    low[byte] = Number(value & 0xffffffffn);
  }
  return { high, low };
}

function crc64nvme(bytes: Uint8Array): Buffer {
  let high = 0xffffffff;
  let low = 0xffffffff;
  for (const byte of bytes) {
    const index = (low ^ byte) & 0xff;
    low = ((low >>> 8) | (high << 24)) ^ (NVME.low[index] ?? 0);
    high = (high >>> 8) ^ (NVME.high[index] ?? 0);
  }
  return Buffer.concat([uint32(~high), uint32(~low)]);
}

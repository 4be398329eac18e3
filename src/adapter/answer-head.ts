/** The head of an answer as text: status line, headers, how long the body is, date, and what becomes of the connection. */
import { STATUS_CODES } from 'node:http';
import { type AnswerHead, hasHeader, isBodiless } from './events/message.ts';

/** How the end of the body is told: by its length, by chunks, by the end of the connection, or not at all. */
export type Framing = number | 'chunked' | 'close' | 'none';

export function answerHead(
  { status, reason = STATUS_CODES[status] ?? 'unknown', headers }: AnswerHead,
  framing: Framing,
  keepAlive: boolean,
  nowMs: number,
): string {
  let text = `HTTP/1.1 ${status} ${reason}\r\n`;
  for (let i = 0; i + 1 < headers.length; i += 2) text += `${headers[i]}: ${headers[i + 1]}\r\n`;
  if (typeof framing === 'number') {
    if (!isBodiless(status)) text += `Content-Length: ${framing}\r\n`;
  } else if (framing === 'chunked') text += 'Transfer-Encoding: chunked\r\n';
  if (!hasHeader(headers, 'date')) text += `Date: ${httpDate(nowMs)}\r\n`;
  return `${text}Connection: ${keepAlive ? 'keep-alive' : 'close'}\r\n\r\n`;
}

let second = -1;
let secondText = '';

/** Made once per second. */
function httpDate(nowMs: number): string {
  const now = Math.trunc(nowMs / 1000);
  if (now !== second) {
    second = now;
    secondText = new Date(nowMs).toUTCString();
  }
  return secondText;
}

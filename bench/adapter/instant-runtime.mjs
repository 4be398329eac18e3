/**
 * A runtime that answers the moment it is asked, at next to no cost of its own: what is measured through it is the
 * adapter. It speaks the Runtime API straight on one socket and is no model for a runtime client.
 */
import { connect } from 'node:net';

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');
const BASE = '/2018-06-01/runtime/invocation';
const HEAD = 'Host: runtime\r\nUser-Agent: lambdacontainer-runtime-bench/1\r\n';
const NEXT = `GET ${BASE}/next HTTP/1.1\r\n${HEAD}\r\n`;
const ANSWER = '{"statusCode":200,"headers":{"Content-Type":"text/plain"},"body":"hello"}';

const socket = connect({ host, port: Number(port), noDelay: true });
let text = '';
socket.on('connect', () => socket.write(NEXT));
socket.on('data', (chunk) => {
  text += chunk.latin1Slice();
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return;
  const head = text.slice(0, end);
  const bytes = Number(/content-length: (\d+)/i.exec(head)?.[1]);
  if (text.length < end + 4 + bytes) return;
  text = '';
  const id = /aws-request-id: (\S+)/i.exec(head)?.[1];
  socket.write(
    id === undefined
      ? NEXT
      : `POST ${BASE}/${id}/response HTTP/1.1\r\n${HEAD}Content-Type: application/json\r\nContent-Length: ${ANSWER.length}\r\n\r\n${ANSWER}`,
  );
});
socket.on('close', () => process.exit(0));

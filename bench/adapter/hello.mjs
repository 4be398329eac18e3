/** The baseline: plain node:http that says hello. */
import { createServer } from 'node:http';

const server = createServer((_request, response) => response.end('hello'));
server.listen(0, '127.0.0.1', () => process.stdout.write(`${JSON.stringify({ httpPort: server.address().port })}\n`));

#!/usr/bin/env node
import { existsSync } from 'node:fs';

// The SDK announces the end of Node 20 on every start; users of this program cannot act on it here.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';

const program = new URL('../dist/cli.mjs', import.meta.url);
if (existsSync(program)) {
  await import(program.href);
} else {
  process.stderr.write('lambdacontainer is not built yet: run `npm run build` in its folder first\n');
  process.exitCode = 1;
}

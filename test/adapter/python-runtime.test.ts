/** What is particular to the Python runtime client. Needs a Python of the machine. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runtimeFile } from '../../src/local-cloud/runtimes/locate.ts';
import { ask, codeFolder, python, serving, startRuntime, type TestAdapter, testAdapter } from './support.ts';

const command = [python ?? '', runtimeFile('python.py')];

async function invoke(adapter: TestAdapter, event: unknown = {}) {
  const answer = await ask(adapter.httpPort, '/2015-03-31/functions/hello/invocations', {
    method: 'POST',
    body: JSON.stringify(event),
  });
  return {
    text: answer.body.toString('utf8'),
    value: JSON.parse(answer.body.toString('utf8')) as Record<string, unknown>,
  };
}

describe.skipIf(!python)('python.py', () => {
  const results: { reason: string; code: string; text: string }[] = [
    { reason: 'None', code: 'None', text: 'null' },
    {
      reason: 'decimals keep their digits',
      code: `{'a': decimal.Decimal('1.10'), 'b': [decimal.Decimal('7')]}`,
      text: '{"a": 1.10, "b": [7]}',
    },
    { reason: 'bytes go as they are', code: `b'[1]'`, text: '[1]' },
  ];
  test.each(results)('result: $reason', async ({ code, text }) => {
    const { adapter } = await serving(command, {
      'index.py': `import decimal\ndef handler(event, context):\n    return ${code}\n`,
    });
    expect((await invoke(adapter)).text).toBe(text);
  });

  const failures: { reason: string; files: Record<string, string>; handler?: string; type: string; message: RegExp }[] =
    [
      {
        reason: 'no such module',
        files: {},
        type: 'Runtime.ImportModuleError',
        message: /Unable to import module 'index': No module named 'index'/,
      },
      {
        reason: 'no such function',
        files: { 'index.py': '' },
        type: 'Runtime.HandlerNotFound',
        message: /Handler 'handler' missing on module 'index'/,
      },
      {
        reason: 'syntax error',
        files: { 'index.py': 'def (' },
        type: 'Runtime.UserCodeSyntaxError',
        message: /Syntax error in module 'index'/,
      },
      {
        reason: 'no dot',
        files: {},
        handler: 'index',
        type: 'Runtime.MalformedHandlerName',
        message: /Bad handler 'index'/,
      },
      {
        reason: 'a built-in module',
        files: {},
        handler: 'sys.exit',
        type: 'Runtime.BuiltInModuleConflict',
        message: /built-in module sys/,
      },
      { reason: 'an exception', files: { 'index.py': 'raise KeyError("k")' }, type: 'KeyError', message: /'k'/ },
    ];
  test.each(failures)('init error: $reason', async ({ files, handler = 'index.handler', type, message }) => {
    const adapter = await testAdapter();
    const runtime = startRuntime(command, codeFolder(files), adapter.runtimePorts[0] ?? 0, { _HANDLER: handler });
    const { value } = await invoke(adapter);
    expect(value.errorType).toBe(type);
    expect(value.errorMessage).toMatch(message);
    expect(await runtime.exited).toBe(1);
  });

  test('handlers in folders, modules of a layer, and its own folder out of the way', async () => {
    const folder = codeFolder({});
    const write = (file: string, text: string) => {
      mkdirSync(join(folder, file, '..'), { recursive: true });
      writeFileSync(join(folder, file), text);
    };
    write('src/app.py', 'import layered, sys\ndef handler(event, context):\n    return [layered.name, sys.path[0]]\n');
    write('root/opt/python/layered.py', 'name = "from the layer"');
    const adapter = await testAdapter();
    const env = { _HANDLER: 'src/app.handler', LAMBDA_RUNTIME_DIR: join(folder, 'root/var/runtime') };
    startRuntime(command, folder, adapter.runtimePorts[0] ?? 0, env);
    expect((await invoke(adapter)).value).toEqual(['from the layer', folder]);
  });

  test('logs and error reports', async () => {
    const { adapter, runtimes } = await serving(command, {
      'index.py': `import logging\ndef handler(event, context):\n    print('printed')\n    logging.getLogger().warning('warned')\n    raise ValueError('no')\n`,
    });
    const { value } = await invoke(adapter);
    const requestId = String(adapter.accessLines[0]?.requestId);
    expect(value).toMatchObject({ errorType: 'ValueError', errorMessage: 'no', requestId });
    expect((value.stackTrace as string[])[0]).toMatch(/index\.py", line 5, in handler/);
    const lines = (runtimes[0]?.output() ?? '').trim().split('\n');
    expect(lines[0]).toBe('printed');
    expect(lines[1]?.split('\t')).toEqual(['[WARNING]', expect.stringMatching(/^\d{4}-.*Z$/), requestId, 'warned']);
    expect(lines[2]).toMatch(/^\[ERROR\] ValueError: no\rTraceback/);
  });
});

/** The constants of the catalog against what the installed clients would send, and the check of their exports. */
import { describe, expect, it } from 'vitest';
import { CATALOG } from '../../../src/local-cloud/wire/catalog.ts';
import { errorSchema, operationSchema, type Shape, shapeOf } from '../../../src/local-cloud/wire/schema.ts';
import { sdkClients } from './clients.ts';

const PROTOCOLS = {
  'json-1.0': 'AwsJson1_0Protocol',
  'json-1.1': 'AwsJson1_1Protocol',
  'rest-json': 'AwsRestJsonProtocol',
  'rest-xml': 'S3RestXmlProtocol',
  query: 'AwsQueryProtocol',
};

describe.each([...CATALOG.values()])('$id', (entry) => {
  it('is what the client says', () => {
    const clients = sdkClients(1);
    const { config } = clients.client(entry.id);
    expect(config.protocol.constructor.name).toBe(PROTOCOLS[entry.protocol]);
    expect(config.defaultSigningName).toBe(entry.signingName);
    const { serviceTarget, version, xmlNamespace } = config.protocolSettings;
    if (entry.target !== undefined) expect(serviceTarget).toBe(entry.target);
    if (entry.protocol === 'query')
      expect({ version, xmlNamespace }).toEqual({ version: entry.version, xmlNamespace: entry.xmlNamespace });
    clients.close();
  });

  it('has a layout that can be read to its last member', () => {
    const seen = new Set<Shape>();
    const walk = (shape: Shape): void => {
      if (seen.has(shape)) return;
      seen.add(shape);
      if (shape.kind === 'list' || shape.kind === 'map') walk(shape.element());
      if (shape.kind === 'structure' || shape.kind === 'union')
        for (const member of shape.members) walk(member.shape());
    };
    for (const operation of entry.operations.values()) {
      walk(operation.input());
      walk(operation.output());
      if (entry.protocol.startsWith('rest-')) expect(operation.http, operation.name).toBeDefined();
    }
    for (const error of entry.errors.values()) walk(error.structure);
    expect(seen.size).toBeGreaterThan(20);
  });
});

describe('another layout of the SDK fails at once, naming what it found', () => {
  const cases: { reason: string; read: () => unknown; message: RegExp }[] = [
    {
      reason: 'an operation without a schema',
      read: () => operationSchema([9, 'ns', 'Op']),
      message: /operation is not laid out.*Op/,
    },
    {
      reason: 'a new trait of an operation',
      read: () => operationSchema([9, 'ns', 'Op', { jsonRpc: 1 }, 'unit', 'unit']),
      message: /Op: the trait jsonRpc is new/,
    },
    {
      reason: 'a new kind of shape',
      read: () => shapeOf([7, 'ns', 'New', 0, []]),
      message: /schema is not laid out.*New/,
    },
    { reason: 'a new simple type', read: () => shapeOf(23), message: /simple schema is not laid out.*23/ },
    {
      reason: 'members without types',
      read: () => shapeOf([3, 'ns', 'S', 0, ['a', 'b'], [0]]),
      message: /members of S/,
    },
    {
      reason: 'a new trait of a member',
      read: () => shapeOf([3, 'ns', 'S', 0, ['a'], [[0, { jsonName: 'b' }]]]),
      message: /S\.a: the trait jsonName is new/,
    },
    {
      reason: 'a required count that is none',
      read: () => shapeOf([3, 'ns', 'S', 0, ['a'], [0], ['a']]),
      message: /required members of S/,
    },
    {
      reason: 'an error that is no structure',
      read: () => errorSchema([-3, 'ns', 'E', 0]),
      message: /is not laid out.*E/,
    },
  ];
  it.each(cases)('$reason', ({ read, message }) => {
    expect(read).toThrow(message);
  });
});

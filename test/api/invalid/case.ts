/** The rows of the tables of invalid documents; what follows the document is every line that a person reads, in order. */

/** A dotted path of a spec and the value that is put there. */
export type SpecCase = readonly [path: string, value: unknown, ...lines: string[]];

export type RecordCase = readonly [reason: string, item: Readonly<Record<string, unknown>>, ...lines: string[]];

export type ManifestCase = readonly [reason: string, text: string, ...lines: string[]];

/** What kinds of calls there are, by their names as the ports have them: `describeRules`. */
// A message that is taken off the controller's own queue changes nothing of anybody's.
const READING = /^(describe|list|get|head|batchGet|scan|query|filter|receiveMessage|deleteMessageBatch)/;

export function isReading(operation: string): boolean {
  return READING.test(operation);
}

/** Of the controller's own tables; everything else is the account's. */
export function isTable(service: string): boolean {
  return service === 'dynamodb' || service === 'streams';
}

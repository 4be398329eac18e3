/** Resource Groups Tagging. https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonresourcegrouptaggingapi.html */
import { onEverything, type ServiceActions } from './needs.ts';

export const TAGGING: ServiceActions = { operations: onEverything('tag', ['GetResources']) };

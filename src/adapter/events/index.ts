/** The door of the event formats: chosen by name, as `LAMBDACONTAINER_EVENT_FORMAT` has it. */
import { albFormat } from './alb.ts';
import { httpApiFormat } from './http-api-v2.ts';
import type { EventFormat } from './message.ts';
import { restApiFormat } from './rest-api-v1.ts';

export * from './alb.ts';
export * from './http-api-v2.ts';
export type { AnswerHead, EventContext, EventFormat, FrontFailure, HttpAnswer, HttpRequest } from './message.ts';
export * from './rest-api-v1.ts';

export const EVENT_FORMATS: Readonly<Record<string, EventFormat>> = {
  alb: albFormat(false),
  'alb-multi-value': albFormat(true),
  'http-api-v2': httpApiFormat('http-api-v2'),
  'function-url': httpApiFormat('function-url'),
  'rest-api-v1': restApiFormat(),
};

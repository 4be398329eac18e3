export { EventIntake, type Heard, type IntakeParts } from './intake.ts';
export { INTAKE_ITEM, type IntakeCondition, type IntakeJournal, StoredIntakeJournal } from './intake-journal.ts';
export { IntakeMetrics } from './intake-metrics.ts';
export { LastWriters } from './last-writers.ts';
export { OwnIdentities } from './own-identities.ts';
export { type EventRulePattern, eventPatterns } from './patterns.ts';

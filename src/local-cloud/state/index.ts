export { fileBlobs, memoryBlobs } from './blobs.ts';
export { type JournalOptions, openJournal } from './journal.ts';
export { memoryState, type StateStore } from './store.ts';

/** @hebb/edge: fetch handlers that serve models. */
export { serve } from './handler.ts';
export type { CorsOptions, Handler, ServeOptions, Server } from './handler.ts';
export { batched } from './batch/batched.ts';
export type { BatchingOptions } from './batch/batched.ts';
export type { AnswerCache, CacheOptions } from './cache/answers.ts';
export type {
  Decoder,
  InputArray,
  ModelEntry,
  RunOptions,
  ServedModel,
  ServedPlan,
  ServedTensor,
  ServedValue,
  ValueSignature,
  VersionedEntry,
} from './model.ts';
export { mount } from './adapters/mount.ts';
export { RequestError } from './error.ts';
export type { ErrorCode, ErrorStatus, RequestErrorOptions } from './error.ts';
export { batchJobs } from './jobs/jobs.ts';
export type { JobQueue, Jobs, JobsOptions } from './jobs/jobs.ts';
export type { JobPart } from './jobs/job.ts';
export { localQueue, memoryJobs } from './jobs/local.ts';
export type { LocalQueue, LocalQueueOptions } from './jobs/local.ts';
export { kvJobs, r2Jobs } from './jobs/store.ts';
export type { JobBucket, JobNamespace, JobStore, KvJobsOptions, Notes } from './jobs/store.ts';
export type { QueueBatch, QueueMessage, WorkflowStep } from './jobs/worker.ts';
export { Models } from './models.ts';
export type { Loaded, ModelsOptions } from './models.ts';
export type { Extension, Service } from './service.ts';
export type { Keys } from './middleware/keys.ts';
export { Metrics } from './middleware/metrics.ts';
export { jsonLog } from './middleware/observe.ts';
export type { Log, LogEntry } from './middleware/observe.ts';
export type { ConcurrencyOptions } from './middleware/overload.ts';
export type { RateLimitOptions } from './middleware/rate-limit.ts';
export type { Method, RequestContext, Route, Router, State } from './router.ts';
export { textApi } from './text/api.ts';
export type { TextApiOptions } from './text/api.ts';
export { cachedTextModel, recurrentTextModel } from './text/adapters.ts';
export type { AdapterOptions, CachedOptions, RecurrentOptions } from './text/adapters.ts';
export { characterTokenizer } from './text/model.ts';
export type {
  ChatMessage,
  Logits,
  Sequence,
  TextDecoding,
  TextEntry,
  TextModel,
  TextTokenizer,
} from './text/model.ts';
export { kvVersions, r2Versions } from './versions/stores.ts';
export type { VersionRecord, VersionSource, VersionsOptions } from './versions/source.ts';
export { storedModel } from './weights/stored.ts';
export type { StoredModel, StoredModelOptions } from './weights/stored.ts';
export { assetsStore, httpStore, kvStore, r2Store } from './weights/stores.ts';
export type {
  BucketLike,
  Bytes,
  FetcherLike,
  NamespaceLike,
  WeightsStore,
} from './weights/stores.ts';
export { WeightsError } from './weights/error.ts';
export type { WeightsProblem } from './weights/error.ts';
export type {
  PartEncoding,
  StoredBlock,
  StoredObject,
  StoredPart,
  WeightsManifest,
} from './weights/manifest.ts';

// Types of the admin API. Generated from the table of operations: change it there, then run
//   python -m polystep.operations

/** Ask with what has become of it. */
export type AskDetail = {
  id: string
  kind: 'ask' | 'callback'
  /** Key in its run. */
  key: string
  step: string
  title: string
  /** Subject of the answer; null when it is sensitive. */
  data?: unknown
  /** JSON Schema of the answer; null takes any value. */
  schema: Record<string, unknown> | null
  traceId: string
  runId: string
  /** Unix milliseconds. */
  askedAt: number
  /** From then on it is answered no more, Unix milliseconds. */
  dueAt: number
  isSensitive: boolean
  /** Link that takes one answer without the admin token; null when links are off. */
  url: string | null
  status: 'open' | 'answered' | 'timed_out' | 'cancelled'
  /** Unix milliseconds; null while it is open. */
  closedAt: number | null
  /** Name that the one who answered gave. */
  answeredBy: string | null
}

/** Open asks, the oldest first. */
export type AskList = { cursor: string | null; asks: AskRow[] }

/** Ask of a run: a question to a person, or a door for another system. */
export type AskRow = {
  id: string
  kind: 'ask' | 'callback'
  /** Key in its run. */
  key: string
  step: string
  title: string
  /** Subject of the answer; null when it is sensitive. */
  data?: unknown
  /** JSON Schema of the answer; null takes any value. */
  schema: Record<string, unknown> | null
  traceId: string
  runId: string
  /** Unix milliseconds. */
  askedAt: number
  /** From then on it is answered no more, Unix milliseconds. */
  dueAt: number
  isSensitive: boolean
  /** Link that takes one answer without the admin token; null when links are off. */
  url: string | null
}

/** Attempt: one call of a handler. Attempt 0 is none: the run failed or was delivered without one. */
export type AttemptRow = {
  attempt: number
  status: string
  startedAt: number | null
  endedAt: number | null
  durationMs: number | null
  error: Record<string, unknown> | null
  result: unknown
}

/** File that does not load, and why. */
export type BrokenFile = { file: string; message: string }

/** Bulk, with what the replayed events have become. */
export type Bulk = {
  id: number
  act: 'replay' | 'discard'
  /** The parameters that chose them. */
  chosen: Record<string, unknown>
  status: 'running' | 'done' | 'stopped'
  /** Dead letters that it is about, fixed when it began. */
  total: number
  /** Those that were replayed or discarded so far. */
  done: number
  /** Those that were gone when their turn came. */
  missing: number
  /** Those that stay dead, since their step does not take the patched data. */
  refused: number
  /** Merge patch that the data of each gets. */
  patch: Record<string, unknown> | null
  perSecond: number | null
  begunAt: number
  endedAt: number | null
  /** Done, or discarded since. */
  completed: number
  waiting: number
  running: number
  /** Dead letters again. */
  dead: number
  /** The first 100 of those that were refused. */
  refusals: Refusal[]
}

/** The first letters of a bulk, in its order. */
export type BulkPreview = { letters: PatchedRow[]; refused: number }

/** Replay or discard of many dead letters. */
export type BulkRow = {
  id: number
  act: 'replay' | 'discard'
  /** The parameters that chose them. */
  chosen: Record<string, unknown>
  status: 'running' | 'done' | 'stopped'
  /** Dead letters that it is about, fixed when it began. */
  total: number
  /** Those that were replayed or discarded so far. */
  done: number
  /** Those that were gone when their turn came. */
  missing: number
  /** Those that stay dead, since their step does not take the patched data. */
  refused: number
  /** Merge patch that the data of each gets. */
  patch: Record<string, unknown> | null
  perSecond: number | null
  begunAt: number
  endedAt: number | null
}

/** Bulks, newest first. */
export type Bulks = { cursor: string | null; bulks: BulkRow[] }

/** Outgoing call of an open attempt that has begun and not ended. Short calls are seen at their ends only. */
export type CallUnderWay = {
  runId: string
  attempt: number
  /** Names it in its run. */
  number: number
  name: string
  /** Unix milliseconds. */
  beganAt: number
  /** Characters of the answer of a language model that came so far; null of other calls. */
  received: number | null
  attributes: Record<string, unknown>
}

/** Event as far as it was removed before it started. */
export type CancelledEvent = { topic: string; id: string; removed: string[] }

/** Run that was cancelled. */
export type CancelledRun = { runId: string; step: string; running: boolean }

/** Verdict of one step. */
export type CheckRow = { step: string; hasSchema: boolean; fits: boolean; native: boolean; issues: IssueRow[] }

/** Verdicts of the steps that would take the data; none where nobody would. */
export type Checks = { checks: CheckRow[] }

/** Traces and log lines from before this time are gone, but for traces that run. */
export type ClearedTraces = { before: number }

/** Steps that fire in the same minute. */
export type Collision = { steps: string[]; count: number; times: number[] }

/** Files that were written, relative to the project. */
export type Created = { files: string[] }

/** Cron steps, by name. */
export type Cron = { cursor: string | null; cron: CronRow[] }

/** Cron step with its next fire times, in UTC, and the traces of its ticks, newest first. */
export type CronHistory = {
  /** Where the next part begins; null at the end, when nothing was cut. */
  cursor: string | null
  step: string
  expression: string
  timezone: string | null
  error: string | null
  pausedAt: number | null
  note: string
  times: string[]
  ticks: TickRow[]
  /** Times since the oldest of these ticks at which it did not fire, newest first. */
  missed: MissedTick[]
}

/** Cron step and its next fire time, in UTC. */
export type CronRow = {
  step: string
  expression: string
  timezone: string | null
  next: string | null
  error: string | null
  /** Since when it does not fire, Unix milliseconds; null when it does. */
  pausedAt: number | null
  /** What was noted when it was paused. */
  note: string
}

/** A week of cron. */
export type CronWeek = { beginAt: number; steps: CronWeekRow[]; collisions: Collision[]; cut: boolean }

/** Cron step, and how often it fires in each hour. */
export type CronWeekRow = { step: string; paused: boolean; counts: number[]; often: boolean }

/** Number of dead letters, as a bulk would find them now. */
export type DeadLetterCount = { count: number; steps: StepCount[]; fifoKeys: number; uptoId: number }

/** Dead letter, with the run that it would be again. */
export type DeadLetterDetail = {
  id: number
  step: string
  topic: string
  kind: 'event' | 'cron' | 'call' | 'trial'
  /** Any JSON value; bytes are `{"$bytes": base64}`. */
  data: unknown
  traceId: string
  attempts: number
  error: Record<string, unknown>
  enqueuedAt: number
  diedAt: number
  fifoKey: string | null
  /** Of the error: errors that differ only in ids and numbers have the same one. */
  fingerprint: string
  runId: string
  eventId: string
}

/** Dead letters with the same error. */
export type DeadLetterGroup = {
  fingerprint: string
  count: number
  steps: string[]
  /** When the first of them died. */
  firstAt: number
  /** When the last of them died. */
  lastAt: number
  /** Id of the newest. */
  newest: number
  /** Of the newest. */
  error: Record<string, unknown>
}

/** Dead letters by error, the most frequent first. */
export type DeadLetterGroups = { cursor: string | null; groups: DeadLetterGroup[] }

/** Event that could not be delivered or kept failing. */
export type DeadLetterRow = {
  id: number
  step: string
  topic: string
  kind: 'event' | 'cron' | 'call' | 'trial'
  /** Any JSON value; bytes are `{"$bytes": base64}`. */
  data: unknown
  traceId: string
  attempts: number
  error: Record<string, unknown>
  enqueuedAt: number
  diedAt: number
  fifoKey: string | null
  /** Of the error: errors that differ only in ids and numbers have the same one. */
  fingerprint: string
}

/** Dead letters, newest first; fewer than the limit where their data is large. */
export type DeadLetters = { cursor: string | null; deadLetters: DeadLetterRow[] }

/** Dead letter that was removed for good. */
export type Discarded = { discarded: number }

/** Call that changes something elsewhere, and that two legs of one run made. */
export type DoubleEffect = {
  traceId: string
  runId: string
  step: string
  method: string
  url: string
  /** Attempts, and parts of attempts between suspensions, that made it. */
  legs: number
  /** How often it was made. */
  calls: number
  /** Unix milliseconds. */
  firstAt: number
  /** Unix milliseconds. */
  lastAt: number
}

/** Calls that were made again, the newest first. */
export type DoubleEffects = { effects: DoubleEffect[] }

/** Delivery that was removed for good. */
export type Dropped = { step: string; dropped: number; runId: string }

/** Event that is stored, and who gets it. */
export type Emitted = {
  traceId: string
  eventId: string
  topic: string
  deliveries: NewDeliveryRow[]
  /** It waits too for subscribers whose files do not load. */
  parked: boolean
  /** The event that has its id; then it goes to nobody anew. */
  duplicateOf?: string | null
}

/** Events of a topic that a step of the flow got while somebody looked, and those that wait for it. */
export type EventCounts = { topic: string; step: string; total: number; recent: number; waiting: number | null }

/** Note about lines of a step's file. */
export type FeatureCard = { id: string; title: string; description: string; lines: LineRange[]; link: string | null }

/** Something that is wrong with the project. */
export type FindingRow = { kind: string; severity: 'error' | 'warning'; file: string; message: string }

/** Tick that was stored; `skipped` says when an earlier one is still at work. */
export type Fired = { step: string; traceId: string | null; skipped: string | null }

/** Counts of a flow. Events are counted only while somebody follows the subject `flows` of the live feed. */
export type FlowCounts = { flow: string; steps: StepCounts[]; events: EventCounts[]; countedS: number | null }

/** Way of a topic from a step to a step of the graph. */
export type FlowEdge = {
  /** Null: no step of the graph emits the topic. */
  from: string | null
  /** Null: no step of the graph subscribes to it. */
  to: string | null
  topic: string
  label: string | null
  conditional: boolean
  /** Drawn only: one of its ends is a virtual emit or a virtual subscription. */
  virtual: boolean
  /** Runs of the step that it leads to wait for the topic; it starts none. */
  waits: boolean
  /** Events of the topic cancel runs of the step that it leads to; it starts none. */
  cancels: boolean
  /** Where an end is null: steps outside of the graph that are there, at most 20. */
  outside: string[]
}

/** Graph of a flow. */
export type FlowGraph = { flow: string; nodes: FlowNode[]; edges: FlowEdge[]; failures: BrokenFile[]; cut: boolean }

/** Places of the nodes of a flow, by the files of their steps. */
export type FlowLayout = {
  flow: string
  nodes: Record<string, NodePlace>
  /** Changes with the places. */
  version: string
  /** File of the project that has them; null when none has. */
  file: string | null
  /** Why that file cannot be used. */
  problem: string | null
}

/** Step in a graph. One that does not load has an error, and shows what it declared last. */
export type FlowNode = {
  step: string
  type: 'api' | 'event' | 'cron' | 'noop'
  language: string
  file: string
  description: string | null
  error: string | null
  /** Method and path of an api step. */
  route: string | null
  /** Expression of a cron step. */
  cron: string | null
}

/** Flow, with its number of steps. */
export type FlowRow = { flow: string; steps: number }

/** Flows that steps declare, by name. */
export type Flows = { cursor: string | null; flows: FlowRow[] }

/** Key that the project has forgotten. */
export type ForgottenKey = { key: string }

/** Part of the data that breaks a schema. */
export type IssueRow = { part: 'data' | 'queryParams' | 'pathParams'; path: unknown[]; message: string; code: string }

/** One key of a journal. */
export type JournalKeyRow = { key: string; kind: 'once' | 'sleep' | 'ask' | 'callback' | 'event' | 'call'; keptAt: number }

/** Lines of a file, from 1. */
export type LineRange = { first: number; last: number }

/** Log line. */
export type LogRow = {
  id: number
  time: number
  level: string
  message: string
  fields: Record<string, unknown>
  step: string | null
  traceId: string | null
  runId: string | null
  source: string
}

/** Log lines, newest first; with `after`, oldest first. */
export type Logs = { cursor: string | null; logs: LogRow[] }

/** Time at which a step would have fired, and why it did not. */
export type MissedTick = { at: number; reason: string }

/** Calls of one model. A sum is null when no answer tells it. */
export type ModelUse = {
  model: string
  provider: string | null
  calls: number
  failed: number
  /** Calls of which the answer tells no tokens; the sums are of the others. */
  untold: number
  tokensIn: number | null
  tokensOut: number | null
  /** Of `tokensIn`, as far as answers tell. */
  tokensCached: number | null
  /** Of `tokensOut`, as far as answers tell. */
  tokensReasoning: number | null
}

/** Delivery of an event to a step. */
export type NewDeliveryRow = { step: string; runId: string }

/** Left and top of a node, in whole pixels. */
export type NodePlace = { x: number; y: number }

/** Keys in the order of their characters. */
export type OnceKeyList = { cursor: string | null; keys: OnceKeyRow[] }

/** Key of the project, with the run that has called its function last. */
export type OnceKeyRow = {
  key: string
  /** `free`: the function has failed or was cut short, and the next run that asks calls it. */
  status: 'running' | 'kept' | 'free'
  step: string
  runId: string
  traceId: string
  /** Last call of the function, Unix milliseconds. */
  begunAt: number
  /** Unix milliseconds; null while there is no result. */
  keptAt: number | null
  /** The result is forgotten then, Unix milliseconds. */
  until: number
  /** Size of the result. */
  bytes: number
  /** Runs that wait for the key. */
  waiting: number
}

/** File that the editor of this machine was asked to open. */
export type Opened = { file: string; line: number; editor: string }

/** Events of a topic without a known subscriber: they wait for files that do not load. */
export type ParkedRow = { topic: string; waiting: number; oldestMs: number }

/** Dead letter as a patch would change it. */
export type PatchedRow = { id: number; step: string; topic: string; before: unknown; after: unknown; refusal: string | null }

/** Step that is paused, or not any more. */
export type Paused = { step: string; pausedAt: number | null }

/** Cron step that does not fire, or fires again. */
export type PausedCron = { step: string; pausedAt: number | null; note: string }

/** Number of what was removed for good. */
export type Purged = { step: string | null; removed: number }

/** Deliveries of a step; fewer than the limit where their data is large. */
export type Queue = { cursor: string | null; deliveries: QueuedRow[] }

/** FIFO key with deliveries that are not finished. */
export type QueueKeyRow = { key: string; count: number; head: number }

/** FIFO keys of a step, in the order of their names. */
export type QueueKeys = { cursor: string | null; keys: QueueKeyRow[] }

/** Deliveries of one step that are not finished, by state. */
export type QueueRow = {
  step: string
  /** All of them. */
  waiting: number
  /** Due now. */
  ready: number
  /** Behind an earlier one of their FIFO key. */
  blocked: number
  /** Due later, and never failed. */
  delayed: number
  /** Due later, after a failure. */
  retrying: number
  running: number
  /** When the first of those that are ready or blocked became due, Unix milliseconds. */
  oldestAt: number | null
  /** Since when the step is paused, Unix milliseconds; null when it is not. */
  pausedAt: number | null
}

/** Delivery that is not finished. */
export type QueuedRow = {
  id: number
  state: 'ready' | 'running' | 'blocked' | 'delayed' | 'retrying'
  kind: 'event' | 'cron' | 'call' | 'trial'
  topic: string
  /** Any JSON value; bytes are `{"$bytes": base64}`. */
  data: unknown
  traceId: string
  runId: string
  fifoKey: string | null
  /** When it is due, or was. */
  dueAt: number
  enqueuedAt: number
  attempts: number
  /** Of its last failure. */
  error: Record<string, unknown> | null
}

/** Queues of all steps that have something or are paused, and parked events. */
export type Queues = { cursor: string | null; queues: QueueRow[]; parked: ParkedRow[] }

/** Runs in a time. Percentiles are in milliseconds, known to 5 %; null when there is none. */
export type Rate = {
  /** That ended. */
  runs: number
  failed: number
  /** Attempts that failed and are tried again. */
  retried: number
  /** From queued to the first attempt. */
  waitP50: number | null
  waitP95: number | null
  waitP99: number | null
  /** Of an attempt. */
  workP50: number | null
  workP95: number | null
  workP99: number | null
}

/** Moment at which the host started or files were loaded again. */
export type RateMark = { at: number; what: 'started' | 'reloaded' }

/** Runs of all chosen steps in one stretch of the time; one without any is left out. */
export type RatePoint = {
  /** That ended. */
  runs: number
  failed: number
  /** Attempts that failed and are tried again. */
  retried: number
  /** From queued to the first attempt. */
  waitP50: number | null
  waitP95: number | null
  waitP99: number | null
  /** Of an attempt. */
  workP50: number | null
  workP95: number | null
  workP99: number | null
  /** When it begins, Unix milliseconds. */
  at: number
}

/** Rates of a time. They outlive restarts of the host, and are kept 7 days. */
export type Rates = {
  /** Where the next part begins; null at the end, when nothing was cut. */
  cursor: string | null
  since: number
  until: number
  /** Length of the stretch of each point. */
  widthS: number
  total: Rate
  /** Oldest first. */
  points: RatePoint[]
  /** Those that ran, in the order of their names. */
  steps: StepTotal[]
  /** Since this start of the host, oldest first. */
  marks: RateMark[]
}

/** Dead letter that a bulk has left dead. */
export type Refusal = { id: number; reason: string }

/** Replay of a run. That of a dead letter has the trace of its run, in which it went on. */
export type ReplayRow = {
  traceId: string
  ofTraceId: string
  ofRunId: string
  step: string
  edited: boolean
  at: number
  /** Of the trace; null when it is not kept. */
  status: string | null
}

/** Dead letter that is an event again. */
export type Replayed = { replayed: number; step: string; traceId: string }

/** Number of dead letters that are events again, and ids that were none. */
export type ReplayedMany = { replayed: number; missing: number[]; left: boolean }

/** Replay of a run, which is the root of a new trace. What it emits runs too, unless only this step was to run. */
export type ReplayedRun = {
  traceId: string
  ofTraceId: string
  ofRunId: string
  step: string
  edited: boolean
  /** Of an event. */
  topic?: string | null
  /** Of an event. */
  deliveries?: NewDeliveryRow[]
  /** Of the response to a request; null when it did not come within a minute. */
  status?: number | null
}

/** Replay that a trace is, and replays of its runs, oldest first. */
export type Replays = { cursor: string | null; of: ReplayRow | null; replays: ReplayRow[] }

/** Response of a route. */
export type RequestAnswer = {
  status: number
  /** Names in lower case; the values of one name are joined by commas. */
  headers: Record<string, string>
  /** Any JSON value; bytes are `{"$bytes": base64}`. */
  body: unknown
  /** Bytes of the body that have arrived. */
  sizeBytes: number
  /** The body is longer than what is shown of it. */
  cut: boolean
  /** The response came to its end in time. */
  ended: boolean
  /** Until the first byte of the response. */
  firstByteMs: number
  durationMs: number
  traceId: string | null
}

/** Run that begins again, the root of a new trace. What it emits runs too. */
export type Rerun = {
  traceId: string
  runId: string
  ofTraceId: string
  ofRunId: string
  step: string
  key: string
  /** Keys that were recorded before, which it finds. */
  found: string[]
  edited: boolean
}

/** Run with its attempts, the newest thousand. */
export type RunDetail = {
  runId: string
  parentRunId: string | null
  step: string
  type: string
  trigger: Record<string, unknown>
  status: string
  queuedAt: number
  startedAt: number | null
  endedAt: number | null
  durationMs: number | null
  error: Record<string, unknown> | null
  traceId: string
  /** The whole input is kept; else the trigger has a preview of it. */
  inputKept: boolean
  /** Data of the event, whole and not redacted, where it is kept; of a request its `method`, `path` with query, `headers` without secrets, and `body`. */
  input?: unknown
  attempts: AttemptRow[]
}

/** Error of a run with the source around it, the innermost place first. */
export type RunError = { runId: string; name: string; message: string; stack: string; frames: SourceFrame[] }

/** Keys of a run, in the order in which they were recorded. */
export type RunJournal = { cursor: string | null; runId: string; isOver: boolean; inputKept: boolean; keys: JournalKeyRow[] }

/** Run in a list of runs. */
export type RunOfTrace = {
  runId: string
  parentRunId: string | null
  step: string
  type: string
  trigger: Record<string, unknown>
  status: string
  queuedAt: number
  startedAt: number | null
  endedAt: number | null
  durationMs: number | null
  error: Record<string, unknown> | null
  attemptCount: number
  operationCount: number
}

/** Operations of a run, in the order they ended. */
export type RunOperations = { cursor: string | null; operations: TracedOperation[] }

/** Run with all that belongs to it. */
export type RunRow = {
  runId: string
  parentRunId: string | null
  step: string
  type: string
  trigger: Record<string, unknown>
  status: string
  queuedAt: number
  startedAt: number | null
  endedAt: number | null
  durationMs: number | null
  error: Record<string, unknown> | null
  attempts: AttemptRow[]
  operations: TracedOperation[]
  logs: LogRow[]
}

/** Columns with an entry for each row. Times are microseconds. */
export type SkeletonColumns = {
  /** So many rows above stands the row that this one is below; 0 for none. */
  parent: number[]
  /** Rows from this one to the end of what is below it. */
  size: number[]
  /** When it began, as the difference to the row before; of the first to `startedAt` of the trace. */
  start: number[]
  /** How long it took, of a run with its waits; -1 while it goes on. */
  length: number[]
  /** Index in `kinds`. */
  kind: number[]
  /** Index in `statuses`. */
  status: number[]
  /** Index in `names`. */
  name: number[]
  /** Text of the row where it is new, else its number: 1 for the first text of this answer, 0 for none. */
  text: (string | number)[]
  /** Of an attempt its number. Of a run, an operation and a log line the id, as the difference to the row of the same sort before; they are unique and grow. */
  key: number[]
}

/** Text of a step's file. */
export type Source = {
  step: string
  file: string
  language: string
  text: string
  /** The file has more than 1000000 characters. */
  cut: boolean
  /** Null: no file with feature cards belongs to the step. */
  features: SourceFeatures | null
}

/** Feature cards of a step. */
export type SourceFeatures = { file: string; cards: FeatureCard[]; problems: string[] }

/** Place in a file of the project where an error was raised, or a call that led there. */
export type SourceFrame = {
  /** For open_in_editor. */
  frame: number
  file: string
  line: number
  column: number | null
  /** Of the function. */
  name: string | null
  /** Number of the first of the lines; null when the file is gone. */
  firstLine: number | null
  lines: string[]
  /** The file was saved after the run: the lines may be others than those that ran. */
  changed: boolean
}

/** Operation of a trace, with all that is kept of it. */
export type SpanDetail = { runId: string; operation: TracedOperation }

/** First steps in one language. */
export type Starter = { language: 'typescript' | 'javascript' | 'python' | 'ruby'; files: StarterFile[] }

/** File that `create_starter` would write. */
export type StarterFile = { file: string; text: string; exists: boolean }

/** First steps in each language, and the folder that they would be written to. */
export type Starters = { folder: string; starters: Starter[] }

/** Value as it was before a change; without `before` there was none. */
export type StateChanged = { group: string; key: string; version: string; before?: unknown }

/** Group with its number of keys. */
export type StateGroup = { group: string; keys: number }

/** Groups, in the order of their names. */
export type StateGroups = { cursor: string | null; groups: StateGroup[] }

/** Values of a group by key, in the order of the keys. */
export type StateItems = { cursor: string | null; items: Record<string, unknown> }

/** Key, with the bytes that its value takes in the store. */
export type StateKeyRow = { key: string; bytes: number }

/** Keys of a group, in order. */
export type StateKeys = { cursor: string | null; keys: StateKeyRow[] }

/** Value of the state. */
export type StateValue = { value: unknown; version: string }

/** Number of a step's dead letters. */
export type StepCount = { step: string; count: number }

/** Counts of a step at this moment. One that does nothing is left out. */
export type StepCounts = {
  step: string
  running: number
  /** Ready, delayed or blocked. */
  waiting: number
  retrying: number
  /** Dead letters. */
  failed: number
  paused: boolean
}

/** Step with the members of its type: a route, topics, or times. One that fails to load has an error. */
export type StepRow = {
  name: string
  type: 'api' | 'event' | 'cron' | 'noop' | null
  language: string
  file: string
  error: string | null
  description?: string | null
  flows?: string[]
  emits?: string[]
  subscribes?: string[]
  warnings?: string[]
  method?: string
  path?: string
  bodySchema?: Record<string, unknown> | null
  responseSchema?: Record<string, unknown>
  queryParams?: unknown[]
  pathParams?: unknown[]
  input?: Record<string, unknown> | null
  retriesMax?: number
  cron?: string
  timezone?: string | null
}

/** Runs of one step in the whole time. */
export type StepTotal = {
  /** That ended. */
  runs: number
  failed: number
  /** Attempts that failed and are tried again. */
  retried: number
  /** From queued to the first attempt. */
  waitP50: number | null
  waitP95: number | null
  waitP99: number | null
  /** Of an attempt. */
  workP50: number | null
  workP95: number | null
  workP99: number | null
  step: string
}

/** Everything that the project's files declare: steps, then streams, then findings. */
export type Steps = {
  /** Where the next part begins; null at the end, when nothing was cut. */
  cursor: string | null
  steps: StepRow[]
  streams: StreamRow[]
  warnings: string[]
  findings: FindingRow[]
}

/** Group with its number of items. */
export type StreamGroup = { group: string; items: number }

/** Groups of a stream, in the order of their names. */
export type StreamGroups = { cursor: string | null; groups: StreamGroup[] }

/** Item as clients see it. */
export type StreamItem = { item: unknown }

/** Items of a group as clients see them, oldest first. */
export type StreamItems = { cursor: string | null; items: Record<string, unknown>[] }

/** Stream. One that fails to load has an error. */
export type StreamRow = {
  name: string
  type: 'stream'
  language: string
  file: string
  error: string | null
  schema?: Record<string, unknown> | null
  warnings?: string[]
}

/** Number of the subscribers of a group, or of one of its items. */
export type StreamSubscriberRow = { group: string; id: string | null; subscribers: number }

/** Subscribers of a stream by group and item. */
export type StreamSubscribers = { cursor: string | null; total: number; subscribers: StreamSubscriberRow[] }

/** Trace of a tick. */
export type TickRow = {
  traceId: string
  /** Step that it began with. */
  name: string
  type: string
  status: 'running' | 'completed' | 'failed' | 'rejected'
  startedAt: number
  endedAt: number | null
  durationMs: number | null
  runCount: number
  /** Trace of which this one began as a replay. */
  replayOf: string | null
  /** Replays of its runs; those of dead letters went on in it. */
  replayCount: number
  cursor: number
  /** When it was due; null in traces of before this was kept. */
  scheduledAt: number | null
}

/** Trace with its runs and all that belongs to them. */
export type Trace = {
  traceId: string
  /** Step that it began with. */
  name: string
  type: string
  status: 'running' | 'completed' | 'failed' | 'rejected'
  startedAt: number
  endedAt: number | null
  durationMs: number | null
  runCount: number
  /** Trace of which this one began as a replay. */
  replayOf: string | null
  /** Replays of its runs; those of dead letters went on in it. */
  replayCount: number
  cursor: number
  runs: RunRow[]
  logs: LogRow[]
  /** It has more runs, lines or operations than 5000: trace_runs and run_operations page. */
  cut: boolean
}

/** Language models that a trace has called, those with most calls first. */
export type TraceModels = { models: ModelUse[]; cut: boolean }

/** Trace in short. */
export type TraceRow = {
  traceId: string
  /** Step that it began with. */
  name: string
  type: string
  status: 'running' | 'completed' | 'failed' | 'rejected'
  startedAt: number
  endedAt: number | null
  durationMs: number | null
  runCount: number
  /** Trace of which this one began as a replay. */
  replayOf: string | null
  /** Replays of its runs; those of dead letters went on in it. */
  replayCount: number
  cursor: number
}

/** Traces, newest first. */
export type TraceRows = { cursor: string | null; traces: TraceRow[] }

/** Runs of a trace, in the order they were queued. */
export type TraceRuns = { cursor: string | null; runs: RunOfTrace[] }

/** Rows of a trace in depth-first order: runs, attempts where a run has several, operations, log lines. */
export type TraceSkeleton = {
  trace: TraceRow
  /** When this was read, Unix milliseconds. */
  readAt: number
  /** As given; null for all rows. */
  after: string | null
  /** Give it as `after` for what has come since. */
  cursor: string
  /** Number of the rows here. */
  rowCount: number
  /** Operations and log lines that the trace has beyond 100000 rows. */
  leftOut: number
  /** Some are left out. */
  cut: boolean
  /** Rows without their text, since the answer would be too large. */
  textsLeftOut: number
  kinds: string[]
  statuses: string[]
  /** What a row is, and the group, stream or topic that it is about. */
  names: string[][]
  /** Of the rows of runs, in order. */
  runIds: string[]
  /** Rows of runs of which all operations and lines are here; of the others, what has come since. */
  whole: number[]
  /** Row and microseconds: how long a run waited for its first attempt, an attempt for its start. */
  waits: number[][]
  /** All that are at this host; they are no rows yet. */
  underWay: CallUnderWay[]
  columns: SkeletonColumns
}

/** Effect of an attempt: a write, an emit, a call. Further members depend on its type. */
export type TracedOperation = {
  attempt: number
  spanId: string | null
  /** When it began, Unix milliseconds. */
  at: number
  durationMs: number | null
  type: string
  [member: string]: unknown
}

/** Number of deliveries that are due now. */
export type TriedNow = { step: string; due: number }

/** Kind of operation of the runs of a step, named as in traces; a text is empty where it has no such member. */
export type UsualOperation = {
  type: string
  operation: string
  /** Of the state; groups of streams are often ids. */
  group: string
  topic: string
  stream: string
  name: string
  count: number
  /** Median. */
  workMs: number
}

/** Medians of the last runs of a step that completed. */
export type UsualStep = { step: string; runs: number; waitMs: number; workMs: number; operations: UsualOperation[] }

/** Usual times of the steps of a trace; a step of which no other run is known is left out. */
export type UsualTimes = { steps: UsualStep[] }

/** Write of a value, or an event that was sent to its subscribers. */
export type WriteRow = {
  at: number
  operation: string
  /** Null when an operator has written, or when its run is not kept any more. */
  step: string | null
  runId: string | null
  traceId: string | null
  byOperator: boolean
  /** The call as it was traced: a preview, cut where it is long. */
  data: Record<string, unknown>
}

/** Writes, newest first. */
export type Writes = { cursor: string | null; writes: WriteRow[]; since: number | null }

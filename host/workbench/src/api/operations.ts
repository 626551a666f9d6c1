// Types of the admin API. Generated from the table of operations: change it there, then run
//   python -m polystep.operations

import type * as results from './results.ts'

/** Every operation: whether it changes something, what it takes and what it gives. */
export interface Operations {
  /** List steps and streams, what does not load, and what is wrong with the project. */
  steps: {
    effect: 'reads'
    params: { limit?: number; cursor?: string | null }
    result: results.Steps
  }
  /** Print the text of a step's file. */
  step_source: {
    effect: 'reads'
    params: { step: string }
    result: results.Source
  }
  /** List the flows. */
  flows: {
    effect: 'reads'
    params: { limit?: number; cursor?: string | null }
    result: results.Flows
  }
  /** Print the graph of a flow: its steps, and the topics between them. */
  flow: {
    effect: 'reads'
    params: { flow: string }
    result: results.FlowGraph
  }
  /** Count what runs, waits and failed, by step of a flow, and the events of the last minute. */
  flow_counts: {
    effect: 'reads'
    params: { flow: string }
    result: results.FlowCounts
  }
  /** Print where the nodes of a flow were placed by hand. */
  flow_layout: {
    effect: 'reads'
    params: { flow: string }
    result: results.FlowLayout
  }
  /** Place the nodes of a flow in the Workbench, and keep that in polystep-workbench.json. */
  place_nodes: {
    effect: 'changes'
    params: { flow: string; nodes: Record<string, Record<string, number>>; version: string }
    result: results.FlowLayout
  }
  /** Emit an event, as the root of a new trace, to all subscribers of its topic or to one. */
  emit: {
    effect: 'changes'
    params: {
      /** May be left out with a step: its first topic then. */
      topic?: string | null
      /** Any JSON value; bytes are `{"$bytes": base64}`. */
      data?: unknown
      fifoKey?: string | null
      /** Only this subscriber gets the event. */
      step?: string | null
      /** Of the events of a topic with one id, the first is stored. */
      id?: string | null
      /** Time for which the id stays taken; `24h` by default. */
      idTtl?: string | null
      /** Take the place of the event with this id, if that waits still. */
      replace?: boolean
      /** A duration such as `15m`, after which the event is due. */
      delay?: string | null
      /** When the event is due, such as `2026-12-24T18:00:00Z`. */
      at?: string | null
    }
    result: results.Emitted
  }
  /** Remove the event with an id, for the steps where it has not started. */
  cancel_event: {
    effect: 'changes'
    params: { topic: string; id: string }
    result: results.CancelledEvent
  }
  /** Send a request to a route of the project, as any client would. */
  request: {
    effect: 'changes'
    params: {
      method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'HEAD' | 'OPTIONS'
      /** With its query, such as `/tickets?limit=1`. */
      path: string
      headers?: Record<string, string>
      /** A text is sent as it is, anything else as JSON. */
      body?: unknown
    }
    result: results.RequestAnswer
  }
  /** Run the event or the request of a run again, as the root of a new trace; also with another input. */
  replay_run: {
    effect: 'changes'
    params: { runId: string; data?: unknown; to?: 'step' | 'subscribers'; only?: boolean }
    result: results.ReplayedRun
  }
  /** Cancel the run of an event or a cron step that is queued, suspended or runs. */
  cancel: {
    effect: 'changes'
    params: { runId: string }
    result: results.CancelledRun
  }
  /** List the replays of the runs of a trace, and the run that it is a replay of. */
  replays: {
    effect: 'reads'
    params: { id: string; limit?: number; cursor?: string | null }
    result: results.Replays
  }
  /** List the keys under which a run has kept something: none of one that keeps nothing, or not any more. */
  run_journal: {
    effect: 'reads'
    params: { runId: string; limit?: number; cursor?: string | null }
    result: results.RunJournal
  }
  /** Run the event of a run that has completed, or is a dead letter, again; it finds what was kept before a key. */
  rerun: {
    effect: 'changes'
    params: { runId: string; key: string; data?: unknown }
    result: results.Rerun
  }
  /** Check data against the schemas of the steps that would take it. Nothing is sent and nothing is stored. */
  validate: {
    effect: 'changes'
    params: {
      /** All subscribers of this topic. */
      topic?: string | null
      /** This step; with a topic, only this subscriber. */
      step?: string | null
      /** Data of an event, or body of a request. */
      data?: unknown
      /** Of a request; not checked when left out. */
      queryParams?: Record<string, unknown> | null
      /** Of a request; not checked when left out. */
      pathParams?: Record<string, unknown> | null
    }
    result: results.Checks
  }
  /** List the first steps that can be written into an empty project, by language, with their texts. */
  starters: {
    effect: 'reads'
    params: Record<string, never>
    result: results.Starters
  }
  /** Write the first steps in a language: an HTTP step, and an event step that follows it. Nothing is overwritten. */
  create_starter: {
    effect: 'changes'
    params: { language: 'typescript' | 'javascript' | 'python' | 'ruby' }
    result: results.Created
  }
  /** List the groups of the state. */
  state_groups: {
    effect: 'reads'
    params: { limit?: number; cursor?: string | null; prefix?: string }
    result: results.StateGroups
  }
  /** Print a state group, a part of it if it is large, or one of its values, as JSON. */
  state: {
    effect: 'reads'
    params: { group: string; limit?: number; cursor?: string | null }
    result: results.StateItems
  }
  /** List the keys of a state group. */
  state_keys: {
    effect: 'reads'
    params: { group: string; limit?: number; cursor?: string | null; prefix?: string }
    result: results.StateKeys
  }
  /** Print one value of the state as JSON. */
  state_value: {
    effect: 'reads'
    params: { group: string; key: string }
    result: results.StateValue
  }
  /** List who has written a value of the state, newest first, as far as traces and logs are kept. */
  state_history: {
    effect: 'reads'
    params: { group: string; key: string; limit?: number; cursor?: string | null }
    result: results.Writes
  }
  /** Move one value of the state to another key of its group; a key that has a value is not overwritten. */
  state_rename: {
    effect: 'changes'
    params: { group: string; key: string; to: string; version?: string | null }
    result: results.StateChanged
  }
  /** Write one value of the state. */
  state_set: {
    effect: 'changes'
    params: { group: string; key: string; version?: string | null; value: unknown }
    result: results.StateChanged
  }
  /** Remove one value of the state. */
  state_delete: {
    effect: 'changes'
    params: { group: string; key: string; version?: string | null }
    result: results.StateChanged
  }
  /** List the groups of a stream. */
  stream_groups: {
    effect: 'reads'
    params: { stream: string; limit?: number; cursor?: string | null; prefix?: string }
    result: results.StreamGroups
  }
  /** Print the items of a stream's group, or a part of them, as JSON, oldest first. */
  stream: {
    effect: 'reads'
    params: { stream: string; group: string; limit?: number; cursor?: string | null }
    result: results.StreamItems
  }
  /** Print one item of a stream as JSON. */
  stream_item: {
    effect: 'reads'
    params: { stream: string; group: string; id: string }
    result: results.StreamItem
  }
  /** Count the subscribers of a stream's groups and items, at this moment. */
  stream_subscribers: {
    effect: 'reads'
    params: { stream: string; limit?: number; cursor?: string | null }
    result: results.StreamSubscribers
  }
  /** List the writes of an item, or without an id the events that were sent to a group, newest first. */
  stream_history: {
    effect: 'reads'
    params: { stream: string; group: string; limit?: number; cursor?: string | null; id?: string | null }
    result: results.Writes
  }
  /** Write an item of a stream, and send it to the stream's subscribers. */
  stream_set: {
    effect: 'changes'
    params: { stream: string; group: string; id: string; data: Record<string, unknown> }
    result: results.StreamItem
  }
  /** Remove an item of a stream, and tell the stream's subscribers. */
  stream_delete: {
    effect: 'changes'
    params: { stream: string; group: string; id: string }
    result: results.StreamItem
  }
  /** List the last traces. */
  traces: {
    effect: 'reads'
    params: {
      /** At most so many entries, 1 to 1000. */
      limit?: number
      /** Where to go on: the `cursor` of the part before. */
      cursor?: string | null
      /** The same as `cursor`, as a number. */
      before?: number | null
      status?: 'running' | 'completed' | 'failed' | 'rejected' | null
      /** Only traces with a run of this step. */
      step?: string | null
      /** Only traces with a run of a step of this flow. */
      flow?: string | null
      /** Only traces with this in their id, their steps or their errors. */
      text?: string | null
      /** Only traces that began at this time or later, Unix milliseconds. */
      since?: number | null
      /** Only traces that began before this time, Unix milliseconds. */
      until?: number | null
    }
    result: results.TraceRows
  }
  /** Print one whole trace as JSON. */
  trace: {
    effect: 'reads'
    params: { id: string }
    result: results.Trace
  }
  /** List the runs of a trace. */
  trace_runs: {
    effect: 'reads'
    params: { id: string; limit?: number; cursor?: string | null }
    result: results.TraceRuns
  }
  /** Print one run with its attempts as JSON. */
  run: {
    effect: 'reads'
    params: { runId: string }
    result: results.RunDetail
  }
  /** List what the attempts of a run did: writes, emits, calls. */
  run_operations: {
    effect: 'reads'
    params: { runId: string; limit?: number; cursor?: string | null; attempt?: number | null }
    result: results.RunOperations
  }
  /** Print the rows of a trace as columns of numbers. */
  trace_skeleton: {
    effect: 'reads'
    params: { id: string; after?: string | null }
    result: results.TraceSkeleton
  }
  /** Print one operation of a trace as JSON. */
  trace_operation: {
    effect: 'reads'
    params: { id: string; operation: number }
    result: results.SpanDetail
  }
  /** Add up the calls of language models in a trace, by model: their number and their tokens. */
  trace_models: {
    effect: 'reads'
    params: { id: string }
    result: results.TraceModels
  }
  /** Tell how long the steps of a trace usually take: medians of the last 100 runs of each, not counting its own. */
  trace_usual: {
    effect: 'reads'
    params: { id: string }
    result: results.UsualTimes
  }
  /** Find POST, PUT, PATCH and DELETE calls that a run made again in a later leg or attempt, outside `once`. */
  double_effects: {
    effect: 'reads'
    params: { traceId?: string | null; limit?: number }
    result: results.DoubleEffects
  }
  /** Remove traces and log lines for good. Traces that run stay; events, state and dead letters are not touched. */
  clear_traces: {
    effect: 'changes'
    params: { before?: number | null }
    result: results.ClearedTraces
  }
  /** Print the error of a run with the source around it, as the files are now. */
  run_error: {
    effect: 'reads'
    params: { runId: string }
    result: results.RunError
  }
  /** Open the file of a step, or of a frame of the error of a run, in the editor of this machine. */
  open_in_editor: {
    effect: 'changes'
    params: { step?: string | null; runId?: string | null; frame?: number }
    result: results.Opened
  }
  /** List the last log lines, oldest first. */
  logs: {
    effect: 'reads'
    params: {
      /** At most so many entries, 1 to 1000. */
      limit?: number
      /** Where to go on: the `cursor` of the part before. */
      cursor?: string | null
      /** Only lines of this level. */
      level?: 'debug' | 'info' | 'warn' | 'error' | null
      /** Only lines of this level and above. */
      minLevel?: 'debug' | 'info' | 'warn' | 'error' | null
      /** Only this step's. */
      step?: string | null
      /** Only of steps of this flow. */
      flow?: string | null
      /** Only this trace's; the beginning or end of its id is enough. */
      traceId?: string | null
      /** Only this run's. */
      runId?: string | null
      /** Only lines with each of these words in their message, step or fields; `-word` leaves lines out, `name=value` is a field, `"two words"` is one word. */
      text?: string | null
      /** Only lines from this time on, Unix milliseconds. */
      since?: number | null
      /** Only lines before this time, Unix milliseconds. */
      until?: number | null
      /** Lines behind the one with this id, oldest first; to go on with the newest of the last call. */
      after?: number | null
    }
    result: results.Logs
  }
  /** Tell how much ran and failed, and how long it waited and worked, by time and by step. */
  rates: {
    effect: 'reads'
    params: {
      /** At most so many entries, 1 to 1000. */
      limit?: number
      /** Where to go on: the `cursor` of the part before. */
      cursor?: string | null
      /** Until now. */
      window?: '5m' | '15m' | '1h' | '6h' | '1d' | '7d'
      /** Only this step. */
      step?: string | null
      /** List the totals of the other steps, too, beside a chosen one. */
      others?: boolean
      /** Only steps of this flow; `*` stands for all steps, `-` for those without a flow. */
      flow?: string | null
    }
    result: results.Rates
  }
  /** List how many events wait or run, by step; then those whose subscriber is not known yet, by topic. */
  queues: {
    effect: 'reads'
    params: { limit?: number; cursor?: string | null }
    result: results.Queues
  }
  /** List what waits or runs of a step, as it is due; of one FIFO key, in the order in which it runs. */
  queue: {
    effect: 'reads'
    params: {
      step: string
      /** At most so many entries, 1 to 1000. */
      limit?: number
      /** Where to go on: the `cursor` of the part before. */
      cursor?: string | null
      state?: 'ready' | 'running' | 'blocked' | 'delayed' | 'retrying' | null
      /** Only this FIFO key. */
      key?: string | null
    }
    result: results.Queue
  }
  /** List the FIFO keys of a step that have something, with how much waits behind the first of each. */
  queue_keys: {
    effect: 'reads'
    params: { step: string; limit?: number; cursor?: string | null }
    result: results.QueueKeys
  }
  /** Try now what is due later, delayed or after a failure: one delivery of a step, or all of them. */
  try_now: {
    effect: 'changes'
    params: { step: string; id?: number | null }
    result: results.TriedNow
  }
  /** Remove one delivery that waits for a step, for good. The next one of its FIFO key takes its place. */
  drop: {
    effect: 'changes'
    params: { step: string; id: number }
    result: results.Dropped
  }
  /** Start no more attempts of a step; its events wait, also over a restart. What runs goes on. */
  pause: {
    effect: 'changes'
    params: { step: string }
    result: results.Paused
  }
  /** Go on with the events of a step that was paused. */
  resume: {
    effect: 'changes'
    params: { step: string }
    result: results.Paused
  }
  /** Remove all events that wait for a step, for good. Those that run go on, and emit no more to the same step. */
  purge: {
    effect: 'changes'
    params: { step: string }
    result: results.Purged
  }
  /** List events that could not be delivered or kept failing. */
  dead_letters: {
    effect: 'reads'
    params: {
      /** Only this step's. */
      step?: string | null
      /** Only events of this topic. */
      topic?: string | null
      /** Only those that hold each of these words in their step, topic, error, trace or data. In data, words are found in texts, and whole numbers from 256. */
      text?: string | null
      /** Only those with this error, see `dead_letter_groups`. */
      fingerprint?: string | null
      /** Died at this time or later, Unix milliseconds. */
      since?: number | null
      /** Died before this time, Unix milliseconds. */
      until?: number | null
      /** At most so many entries, 1 to 1000. */
      limit?: number
      /** Where to go on: the `cursor` of the part before. */
      cursor?: string | null
      /** The same as `cursor`, as a number. */
      before?: number | null
    }
    result: results.DeadLetters
  }
  /** Group dead letters by their errors; errors that differ only in ids and numbers are the same. */
  dead_letter_groups: {
    effect: 'reads'
    params: {
      /** Only this step's. */
      step?: string | null
      /** Only events of this topic. */
      topic?: string | null
      /** Only those that hold each of these words in their step, topic, error, trace or data. In data, words are found in texts, and whole numbers from 256. */
      text?: string | null
      /** Only those with this error, see `dead_letter_groups`. */
      fingerprint?: string | null
      /** Died at this time or later, Unix milliseconds. */
      since?: number | null
      /** Died before this time, Unix milliseconds. */
      until?: number | null
      /** At most so many entries, 1 to 1000. */
      limit?: number
      /** Where to go on: the `cursor` of the part before. */
      cursor?: string | null
    }
    result: results.DeadLetterGroups
  }
  /** Count the dead letters that match, before something is done with all of them. */
  dead_letter_count: {
    effect: 'reads'
    params: {
      /** Only this step's. */
      step?: string | null
      /** Only events of this topic. */
      topic?: string | null
      /** Only those that hold each of these words in their step, topic, error, trace or data. In data, words are found in texts, and whole numbers from 256. */
      text?: string | null
      /** Only those with this error, see `dead_letter_groups`. */
      fingerprint?: string | null
      /** Died at this time or later, Unix milliseconds. */
      since?: number | null
      /** Died before this time, Unix milliseconds. */
      until?: number | null
    }
    result: results.DeadLetterCount
  }
  /** Print one dead letter with all of its data as JSON. */
  dead_letter: {
    effect: 'reads'
    params: { id: number }
    result: results.DeadLetterDetail
  }
  /** Try a dead letter again. What its run has kept stays: results of `once` and answers. */
  replay: {
    effect: 'changes'
    params: { id: number; forget?: string[]; fresh?: boolean; patch?: Record<string, unknown> | null }
    result: results.Replayed
  }
  /** Try several dead letters again, oldest first: some by their ids, all of a step, or all. */
  replay_many: {
    effect: 'changes'
    params: { ids?: number[] | null; step?: string | null; all?: boolean; data?: unknown }
    result: results.ReplayedMany
  }
  /** Remove one dead letter for good. */
  discard: {
    effect: 'changes'
    params: { id: number }
    result: results.Discarded
  }
  /** Remove dead letters for good: those of one step, or all. */
  purge_dead_letters: {
    effect: 'changes'
    params: { step?: string | null }
    result: results.Purged
  }
  /** List replays and discards of many dead letters; the newest 50 are kept. */
  bulks: {
    effect: 'reads'
    params: { limit?: number; cursor?: string | null }
    result: results.Bulks
  }
  /** Print how far a bulk is, and what the events that it has replayed have become. */
  bulk: {
    effect: 'reads'
    params: { id: number }
    result: results.Bulk
  }
  /** Apply a patch to the first dead letters that a bulk would replay, and change nothing. */
  bulk_preview: {
    effect: 'changes'
    params: {
      /** Only this step's. */
      step?: string | null
      /** Only events of this topic. */
      topic?: string | null
      /** Only those that hold each of these words in their step, topic, error, trace or data. In data, words are found in texts, and whole numbers from 256. */
      text?: string | null
      /** Only those with this error, see `dead_letter_groups`. */
      fingerprint?: string | null
      /** Died at this time or later, Unix milliseconds. */
      since?: number | null
      /** Died before this time, Unix milliseconds. */
      until?: number | null
      /** Only these. */
      ids?: number[] | null
      /** All of them; needed when nothing else is chosen. */
      all?: boolean
      /** None that is newer: the `uptoId` of `dead_letter_count`. */
      uptoId?: number | null
      /** Merge patch (RFC 7386). */
      patch: Record<string, unknown>
      /** So many of them, 1 to 100. */
      limit?: number
    }
    result: results.BulkPreview
  }
  /** Replay or discard many dead letters, in the order in which they died; returns at once. */
  bulk_start: {
    effect: 'changes'
    params: {
      /** Only this step's. */
      step?: string | null
      /** Only events of this topic. */
      topic?: string | null
      /** Only those that hold each of these words in their step, topic, error, trace or data. In data, words are found in texts, and whole numbers from 256. */
      text?: string | null
      /** Only those with this error, see `dead_letter_groups`. */
      fingerprint?: string | null
      /** Died at this time or later, Unix milliseconds. */
      since?: number | null
      /** Died before this time, Unix milliseconds. */
      until?: number | null
      /** Only these. */
      ids?: number[] | null
      /** All of them; needed when nothing else is chosen. */
      all?: boolean
      /** None that is newer: the `uptoId` of `dead_letter_count`. */
      uptoId?: number | null
      act: 'replay' | 'discard'
      /** Merge patch (RFC 7386) that the data of each gets before its replay; letters whose step does not take the result stay dead. */
      patch?: Record<string, unknown> | null
      /** How many they are, by `dead_letter_count`; with another number nothing begins. */
      count?: number | null
      /** At most so many in a second. */
      perSecond?: number | null
    }
    result: results.BulkRow
  }
  /** Let a bulk do no more; what it has done stays done. */
  bulk_stop: {
    effect: 'changes'
    params: { id: number }
    result: results.BulkRow
  }
  /** List cron steps and when they fire next. */
  cron: {
    effect: 'reads'
    params: { limit?: number; cursor?: string | null }
    result: results.Cron
  }
  /** Print when a cron step fires next, the traces of its last ticks, and which ticks it has missed. */
  cron_history: {
    effect: 'reads'
    params: { step: string; limit?: number; cursor?: string | null; times?: number }
    result: results.CronHistory
  }
  /** Run a cron step now, also one that is paused; its handler gets the time that it runs for. */
  fire: {
    effect: 'changes'
    params: { step: string; at?: number | null }
    result: results.Fired
  }
  /** Let a cron step fire no more, also over a restart. What runs goes on, and it can be run by hand. */
  pause_cron: {
    effect: 'changes'
    params: { step: string; note?: string }
    result: results.PausedCron
  }
  /** Let a cron step fire again, from its next time on; what it has missed is not caught up. */
  resume_cron: {
    effect: 'changes'
    params: { step: string }
    result: results.PausedCron
  }
  /** Show in which hours of a week cron steps fire, and which fire in the same minute. */
  cron_week: {
    effect: 'reads'
    params: { begin?: number | null }
    result: results.CronWeek
  }
  /** List what runs wait for somebody to answer. */
  asks: {
    effect: 'reads'
    params: { limit?: number; cursor?: string | null }
    result: results.AskList
  }
  /** Print one ask, also for a day after it was closed. */
  ask: {
    effect: 'reads'
    params: { id: string }
    result: results.AskDetail
  }
  /** Answer an ask; its run goes on. The same answer may come twice. */
  answer: {
    effect: 'changes'
    params: { id: string; value: unknown; by?: string | null }
    result: results.AskDetail
  }
  /** Close an ask without an answer; its handler gets the status `cancelled`. */
  cancel_ask: {
    effect: 'changes'
    params: { id: string; by?: string | null }
    result: results.AskDetail
  }
  /** List the keys of `once` that are the project's (`scope: 'project'`). */
  once_keys: {
    effect: 'reads'
    params: { limit?: number; cursor?: string | null; prefix?: string }
    result: results.OnceKeyList
  }
  /** Forget a key of the project with its result: the next run that asks calls its function again. */
  forget_once: {
    effect: 'changes'
    params: { key: string }
    result: results.ForgottenKey
  }
}

/** Method and path of every operation, behind /__polystep/api/ */
export const ROUTES = {
  steps: 'GET steps',
  step_source: 'GET steps/{step}/source',
  flows: 'GET flows',
  flow: 'GET flows/{flow}',
  flow_counts: 'GET flows/{flow}/counts',
  flow_layout: 'GET flows/{flow}/layout',
  place_nodes: 'PUT flows/{flow}/layout',
  emit: 'POST events',
  cancel_event: 'POST events/cancel',
  request: 'POST requests',
  replay_run: 'POST runs/{runId}/replay',
  cancel: 'DELETE runs/{runId}',
  replays: 'GET traces/{id}/replays',
  run_journal: 'GET runs/{runId}/journal',
  rerun: 'POST runs/{runId}/rerun',
  validate: 'POST validate',
  starters: 'GET starters',
  create_starter: 'POST starters/{language}',
  state_groups: 'GET state',
  state: 'GET state/{group}',
  state_keys: 'GET state-keys/{group}',
  state_value: 'GET state/{group}/{key}',
  state_history: 'GET state-history/{group}/{key}',
  state_rename: 'POST state-rename/{group}/{key}',
  state_set: 'PUT state/{group}/{key}',
  state_delete: 'DELETE state/{group}/{key}',
  stream_groups: 'GET streams/{stream}',
  stream: 'GET streams/{stream}/{group}',
  stream_item: 'GET streams/{stream}/{group}/{id}',
  stream_subscribers: 'GET stream-subscribers/{stream}',
  stream_history: 'GET stream-history/{stream}/{group}',
  stream_set: 'PUT streams/{stream}/{group}/{id}',
  stream_delete: 'DELETE streams/{stream}/{group}/{id}',
  traces: 'GET traces',
  trace: 'GET traces/{id}',
  trace_runs: 'GET traces/{id}/runs',
  run: 'GET runs/{runId}',
  run_operations: 'GET runs/{runId}/operations',
  trace_skeleton: 'GET traces/{id}/skeleton',
  trace_operation: 'GET traces/{id}/operations/{operation}',
  trace_models: 'GET traces/{id}/models',
  trace_usual: 'GET traces/{id}/usual',
  double_effects: 'GET double-effects',
  clear_traces: 'POST traces/clear',
  run_error: 'GET runs/{runId}/error',
  open_in_editor: 'POST editor',
  logs: 'GET logs',
  rates: 'GET rates',
  queues: 'GET queues',
  queue: 'GET queues/{step}',
  queue_keys: 'GET queues/{step}/keys',
  try_now: 'POST queues/{step}/try-now',
  drop: 'POST queues/{step}/drop/{id}',
  pause: 'POST queues/{step}/pause',
  resume: 'POST queues/{step}/resume',
  purge: 'POST queues/{step}/purge',
  dead_letters: 'GET dead-letters',
  dead_letter_groups: 'GET dead-letter-groups',
  dead_letter_count: 'GET dead-letter-count',
  dead_letter: 'GET dead-letters/{id}',
  replay: 'POST dead-letters/{id}/replay',
  replay_many: 'POST dead-letters/replay',
  discard: 'POST dead-letters/{id}/discard',
  purge_dead_letters: 'POST dead-letters/purge',
  bulks: 'GET bulks',
  bulk: 'GET bulks/{id}',
  bulk_preview: 'POST bulk-preview',
  bulk_start: 'POST bulks',
  bulk_stop: 'POST bulks/{id}/stop',
  cron: 'GET cron',
  cron_history: 'GET cron/{step}',
  fire: 'POST cron/{step}/run',
  pause_cron: 'POST cron/{step}/pause',
  resume_cron: 'POST cron/{step}/resume',
  cron_week: 'GET cron-week',
  asks: 'GET asks',
  ask: 'GET asks/{id}',
  answer: 'POST asks/{id}',
  cancel_ask: 'DELETE asks/{id}',
  once_keys: 'GET once-keys',
  forget_once: 'DELETE once-keys/{key}',
} as const satisfies Record<keyof Operations, string>

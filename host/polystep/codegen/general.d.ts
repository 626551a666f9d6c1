// Module that step files import from. The part after the next line is copied into every types.d.ts.
// ---
  // --- What every project has ---

  /** A Zod schema, a Standard Schema or a JSON Schema. */
  export type StepSchemaInput = object
  export type ZodInput = object
  export type Emit = string | { topic: string; label?: string; conditional?: boolean }
  /** Topic that runs wait for. `by` is the path in its data whose value a wait names; without it a wait takes any event. */
  export type WaitTopic = string | { topic: string; by?: string }
  /** Topic whose events cancel runs. `by` is the path in its data and in the input of the runs that are meant; without it each event cancels every run. */
  export type CancelTopic = string | { topic: string; by?: string }
  export type ApiRouteMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'HEAD' | 'OPTIONS'

  export interface HandlerConfig {
    /** Seconds. */
    timeout?: number
    ram?: number
    cpu?: number
  }
  export interface QueueConfig {
    type?: 'standard' | 'fifo'
    maxRetries?: number
    concurrency?: number
    /** A run that waits keeps its place in `concurrency`; without it the place is free meanwhile. */
    countWaiting?: boolean
    delaySeconds?: number
    visibilityTimeout?: number
    /** Such as 2d: an event that has not started so long after it was due becomes a dead letter. */
    expires?: string
    /** Topics whose events cancel runs of the step. */
    cancelOn?: readonly CancelTopic[]
  }
  export interface InfrastructureConfig {
    handler?: HandlerConfig
    queue?: QueueConfig
  }
  export interface QueryParam {
    name: string
    description?: string
    required?: boolean
    schema?: StepSchemaInput
  }
  /** A list, or the schema of an object. */
  export type ParametersInput = readonly QueryParam[] | (StepSchemaInput & { length?: never })

  interface StepBase {
    name: string
    description?: string
    flows?: readonly string[]
    virtualEmits?: readonly Emit[]
    virtualSubscribes?: readonly string[]
    includeFiles?: readonly string[]
  }
  export interface IdempotencyRule {
    /** Refuse requests without a key. */
    required?: boolean
    /** How long a key is remembered, such as 2d; 24h unless said otherwise. */
    ttl?: string
    /** Headers of the response that are kept beside `content-*` and `location`. */
    headers?: readonly string[]
  }
  export interface ApiRouteConfig extends StepBase {
    type: 'api'
    method: ApiRouteMethod
    path: string
    emits?: readonly Emit[]
    bodySchema?: StepSchemaInput | null
    responseSchema?: { [status: number]: StepSchemaInput } | null
    queryParams?: ParametersInput | null
    pathParams?: ParametersInput | null
    /** Requests with the same `Idempotency-Key` run once. For POST, PUT, PATCH and DELETE. */
    idempotency?: boolean | IdempotencyRule | null
    middleware?: readonly ApiMiddleware<any, any, any>[]
  }
  export interface EventConfig extends StepBase {
    type: 'event'
    subscribes: readonly string[]
    emits?: readonly Emit[]
    input?: StepSchemaInput | null
    /** Of what the handler returns to a run that calls the step. */
    output?: StepSchemaInput | null
    waitsFor?: readonly WaitTopic[]
    infrastructure?: InfrastructureConfig
  }
  export interface CronConfig extends StepBase {
    type: 'cron'
    /** Five fields, or six with leading seconds. */
    cron: string
    /** IANA name; the project's zone by default. */
    timezone?: string
    emits?: readonly Emit[]
    waitsFor?: readonly WaitTopic[]
    infrastructure?: InfrastructureConfig
  }
  export interface NoopConfig extends StepBase {
    type: 'noop'
  }
  export type StepConfig = ApiRouteConfig | EventConfig | CronConfig | NoopConfig
  export interface Step<Config extends StepConfig = StepConfig> {
    filePath: string
    version: string
    config: Config
  }
  export interface Flow {
    name: string
    description?: string
    steps: Step[]
  }

  export interface StreamAuthRequest {
    /** By lower-case name. */
    headers: Record<string, string>
    /** Path and query. */
    url: string
  }
  /** Says who opens a WebSocket; `null` is an anonymous client, an exception refuses it. */
  export type StreamAuthenticate = (
    request: StreamAuthRequest,
  ) => StreamAuthContext | null | undefined | Promise<StreamAuthContext | null | undefined>
  export interface StreamAuthConfig {
    contextSchema?: StepSchemaInput | null
    authenticate: StreamAuthenticate
  }
  export interface StreamSubscription {
    groupId: string
    id?: string
  }
  export interface StreamConfig {
    name: string
    description?: string
    schema?: StepSchemaInput | null
    baseConfig?: { storageType: 'default' } | { storageType: 'state'; property: string }
    canAccess?: (subscription: StreamSubscription, auth: StreamAuthContext) => boolean | Promise<boolean>
  }
  export type StateStreamConfig = StreamConfig
  export type BaseStreamItem<Item = unknown> = Item & { id: string }
  export interface StateStreamEventChannel {
    groupId: string
    id?: string
  }
  export interface StateStreamEvent<Data = unknown> {
    type: string
    data: Data
  }
  /** Part of a group to read. */
  export interface GroupPageQuery {
    /** The `cursor` of the page before; from the start without it. */
    cursor?: string | null
    /** At most this many. */
    limit?: number
    /** Only keys, or ids of items. */
    keysOnly?: boolean
  }
  export interface GroupPage<Entry> {
    items: Entry[]
    /** Where the next page begins; `null` at the end. */
    cursor: string | null
  }
  /** One live channel: items by group and id, which clients see change. */
  export interface MotiaStream<Item> {
    get(groupId: string, id: string): Promise<BaseStreamItem<Item> | null>
    set(groupId: string, id: string, data: Item): Promise<BaseStreamItem<Item>>
    delete(groupId: string, id: string): Promise<BaseStreamItem<Item> | null>
    getGroup(groupId: string): Promise<BaseStreamItem<Item>[]>
    getGroup(groupId: string, page: GroupPageQuery & { keysOnly: true }): Promise<GroupPage<string>>
    getGroup(groupId: string, page: GroupPageQuery): Promise<GroupPage<BaseStreamItem<Item>>>
    send<Data = unknown>(channel: StateStreamEventChannel, event: StateStreamEvent<Data>): Promise<void>
  }
  export type IStateStream<Item> = MotiaStream<Item>

  /** The way from a value to a part of it: 'items.0.name', or ['items', 0, 'name']; without one, the value itself. */
  export type StatePath = string | readonly (string | number)[]
  /** One change of `state.update`. `expect` changes nothing: another value at its path is the error `conflict`. */
  export type StateChange =
    | { type: 'set' | 'append' | 'expect'; path?: StatePath; value: unknown }
    | { type: 'merge'; path?: StatePath; value: object }
    | { type: 'increment'; path?: StatePath; by?: number }
    | { type: 'remove'; path?: StatePath }
  /** Values by group and key, the same for all steps. */
  export interface InternalStateManager {
    get<Value>(groupId: string, key: string): Promise<Value | null>
    set<Value>(groupId: string, key: string, value: Value): Promise<Value>
    /** Makes all changes or none, with no other write in between; gives the new value, `null` once it is removed. */
    update<Value>(groupId: string, key: string, ops: readonly StateChange[]): Promise<Value | null>
    delete<Value>(groupId: string, key: string): Promise<Value | null>
    getGroup<Value>(groupId: string): Promise<Value[]>
    getGroup(groupId: string, page: GroupPageQuery & { keysOnly: true }): Promise<GroupPage<string>>
    getGroup<Value>(groupId: string, page: GroupPageQuery): Promise<GroupPage<{ key: string; value: Value }>>
    clear(groupId: string): Promise<void>
  }
  export interface Logger {
    debug(message: unknown, ...fields: unknown[]): void
    info(message: unknown, ...fields: unknown[]): void
    warn(message: unknown, ...fields: unknown[]): void
    error(message: unknown, ...fields: unknown[]): void
    addListener(listener: (level: string, message: string, fields?: unknown) => void): void
  }

  export interface EmitData extends EventOptions {
    topic: string
    data?: unknown
    messageGroupId?: string
  }
  /** Any event of the project. */
  export type Event = [keyof Events] extends [never] ? EmitData : Events[keyof Events]
  export interface Emitter<Emitted> {
    (event: Emitted): Promise<void>
    /** Removes the event with this id unless it has started; tells whether one was removed. */
    cancel(topic: string, id: string | number): Promise<boolean>
  }
  /** `AbortSignal`, where the project has its types. */
  type Signal = typeof globalThis extends { AbortSignal: { prototype: infer Found } } ? Found : { readonly aborted: boolean }

  /** Given to the function of a `once`. */
  export interface OnceCall {
    /** The same text in every attempt, for providers that take such a key. */
    idempotencyKey: string
    /** Call of the function, from 1; with `retries` there may be more. */
    attempt: number
    /** Ends when the time of the `once` is over, or the run is cancelled. */
    signal: Signal
  }
  export interface OnceCallOptions {
    /** A text such as '30s' or '10m'; '5m' by default. */
    timeout?: string
    /** Further calls of the function when it fails. */
    retries?: number
    /** A second use of the key in one run gets what the first gives. */
    shared?: boolean
    /** The result is shown nowhere. */
    sensitive?: boolean
  }
  /** Whose the key is. The project's: the function runs once over all runs, and is forgotten after `ttl`, such as '30d'. */
  export type OnceScope = { scope?: 'run'; ttl?: undefined } | { scope: 'project'; ttl: string }
  export type OnceOptions = OnceCallOptions & OnceScope
  export interface AskOptions {
    /** What is asked, in one line. */
    title?: string
    /** What the answer is about: shown to the one who answers. */
    data?: unknown
    /** A text such as '2h' or '3d', after which the status is `timed_out`; `null` waits for 400 days. */
    timeout?: string | null
    /** Event that leaves with the ask; `askId` and `url` are added to its data. */
    notify?: { topic: string; data?: object }
    /** Neither data nor answer are shown in traces. */
    sensitive?: boolean
  }
  export interface CallbackOptions extends AskOptions {
    /** Takes only answers with the HMAC-SHA256 of their body in this header, by the secret in this variable. */
    verify?: { header: string; secretEnv: string }
  }
  /** How a wait for an answer ended. */
  export type Answer<Value> =
    | { status: 'answered'; value: Value }
    | { status: 'timed_out' | 'cancelled'; value: null }
  export interface Callback<Value> {
    id: string
    /** Link that takes one answer; `null` where links are off. The same in every leg of the run. */
    url: string | null
    result(): Promise<Answer<Value>>
  }
  export interface WaitOptions {
    /** A text such as '2h' or '3d', after which the wait gives `null`; `null` waits for 400 days. */
    timeout?: string | null
  }
  /** What a wait takes: an event of the topic that has `by` where `waitsFor` of the config says. */
  export interface Wanted<Topic> {
    topic: Topic
    by?: string | number | boolean
  }
  type DataOf<Topic extends keyof Topics> = unknown extends Topics[Topic] ? any : Topics[Topic]
  export type Taken<Topic extends keyof Topics> = { [Each in Topic]: { topic: Each; data: DataOf<Each> } }[Topic]
  /** Input and output of event steps that declare `output`. */
  interface Calls {}
  type SchemaOf<Value> =
    | { readonly '~standard': { readonly types?: { readonly output: Value } | undefined } }
    | { readonly _output: Value }

  export interface FlowContext<Emitted = Event> {
    /** Calls `fn` unless the run has kept what it gave under this key. `schema` checks the result, and makes the value. */
    once<Value>(
      key: string,
      fn: (call: OnceCall) => unknown,
      options: OnceOptions & { schema: SchemaOf<Value> },
    ): Promise<Value>
    once<Value>(
      key: string,
      fn: (call: OnceCall) => Value | Promise<Value>,
      options?: OnceOptions & { schema?: StepSchemaInput },
    ): Promise<Value>
    /** Waits for a duration such as '30s' or '3d'; the run may leave its process meanwhile. Not for api steps. */
    sleep(key: string, duration: string): Promise<void>
    /** Asks a person, and waits for the decision; the run may leave its process meanwhile. Not for api steps. */
    ask<Value>(key: string, options: AskOptions & { title: string; schema: SchemaOf<Value> }): Promise<Answer<Value>>
    ask(key: string, options: AskOptions & { title: string; schema?: StepSchemaInput }): Promise<Answer<any>>
    /** Opens a door for another system: give it the `url`, and wait for `result()`. Not for api steps. */
    callback<Value>(key: string, options: CallbackOptions & { schema: SchemaOf<Value> }): Promise<Callback<Value>>
    callback(key: string, options?: CallbackOptions & { schema?: StepSchemaInput }): Promise<Callback<any>>
    /** Answers an ask or a callback of any run, which goes on; the same answer may come twice. */
    answer(askId: string, value: unknown): Promise<void>
    /** Waits for an event that came since the run's own, or will: its data, `null` when none came in time. Not for api steps. */
    waitFor<Topic extends keyof Topics>(key: string, wanted: Wanted<Topic> & WaitOptions): Promise<DataOf<Topic> | null>
    /** Waits for the first of several events. */
    waitFor<Topic extends keyof Topics>(
      key: string,
      wanted: readonly Wanted<Topic>[],
      options?: WaitOptions,
    ): Promise<Taken<Topic> | null>
    /** Calls an event step, and gives what its handler returns. Not for api steps. */
    call<Name extends string>(
      key: string,
      step: Name,
      input?: Name extends keyof Calls ? Calls[Name]['input'] : unknown,
      options?: WaitOptions,
    ): Promise<Name extends keyof Calls ? Calls[Name]['output'] : any>
    /** Sends an event to every step that subscribes to its topic. */
    emit: Emitter<Emitted>
    traceId: string
    /** Of a cron step: the time for which its tick was due. */
    scheduledAt?: Date
    flows?: string[]
    /** Attempt number, from 1. */
    attempt: number
    /** Ends when the run is cancelled or its time is over. */
    signal: Signal
    logger: Logger
    state: InternalStateManager
    streams: FlowContextStateStreams
  }

  export interface ApiRequest<Body = unknown, PathParams = Record<string, string>, QueryParams = AnyQuery> {
    body: Body
    headers: Record<string, string | string[]>
    pathParams: PathParams
    queryParams: QueryParams
    /** As it came; bytes unless it is JSON, a form or text. */
    rawBody: string
    /** Of a `multipart/form-data` body, on the disk until the handler has answered. */
    files?: UploadedFile[]
  }
  export interface UploadedFile {
    field: string
    name: string
    type: string
    bytes: number
    path: string
  }
  type AnyQuery = Record<string, string | string[]>
  /** A declared body has to be there. */
  export type ApiResponse<Status extends number = number, Body = any> = {
    status: Status
    headers?: Record<string, string | string[]>
  } & (unknown extends Body ? { body?: Body } : { body: Body })

  export type ApiRouteHandler<
    Body = unknown,
    Response = ApiResponse,
    Emitted = Event,
    PathParams = Record<string, string>,
    QueryParams = AnyQuery,
  > = (
    req: ApiRequest<Body, PathParams, QueryParams>,
    ctx: FlowContext<Emitted>,
  ) => Response | Promise<Response>
  export type EventHandler<Input = any, Emitted = Event> = (
    input: Input,
    ctx: FlowContext<Emitted>,
  ) => void | Promise<void>
  export type CronHandler<Emitted = Event> = (ctx: FlowContext<Emitted>) => void | Promise<void>
  export type ApiMiddleware<Body = any, Emitted = Event, Response = ApiResponse> = (
    req: ApiRequest<Body>,
    ctx: FlowContext<Emitted>,
    next: () => Promise<Response>,
  ) => Response | Promise<Response>
  export type Handler = Handlers[keyof Handlers]
  /** Kept for old step files; `Handlers['Name']` knows more. */
  export type StepHandler<Config> = Config extends { type: 'api' }
    ? ApiRouteHandler<any>
    : Config extends { type: 'cron' }
      ? CronHandler
      : EventHandler

  export interface Config {
    streamAuth?: StreamAuthConfig
    app?: (app: any) => void
    plugins?: readonly any[]
    adapters?: any
    redis?: any
  }
  export const config: (value: Config) => Config
  export const defineConfig: (value: Config) => Config

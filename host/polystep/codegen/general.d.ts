// The module that step files import from, whatever a project declares. What follows the next line is part of types.d.ts.
// ---
  // --- What every project has ---

  /** A Zod schema, a Standard Schema or a JSON Schema. */
  export type StepSchemaInput = object
  export type ZodInput = object
  export type Emit = string | { topic: string; label?: string; conditional?: boolean }
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
    delaySeconds?: number
    visibilityTimeout?: number
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
  export interface ApiRouteConfig extends StepBase {
    type: 'api'
    method: ApiRouteMethod
    path: string
    emits?: readonly Emit[]
    bodySchema?: StepSchemaInput | null
    responseSchema?: { [status: number]: StepSchemaInput } | null
    queryParams?: ParametersInput | null
    pathParams?: ParametersInput | null
    middleware?: readonly ApiMiddleware<any, any, any>[]
  }
  export interface EventConfig extends StepBase {
    type: 'event'
    subscribes: readonly string[]
    emits?: readonly Emit[]
    input?: StepSchemaInput | null
    infrastructure?: InfrastructureConfig
  }
  export interface CronConfig extends StepBase {
    type: 'cron'
    /** Five fields, or six with leading seconds. */
    cron: string
    /** IANA name; the project's zone by default. */
    timezone?: string
    emits?: readonly Emit[]
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
  /** Which part of a group to read. */
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

  /** Values by group and key, the same for all steps. */
  export interface InternalStateManager {
    get<Value>(groupId: string, key: string): Promise<Value | null>
    set<Value>(groupId: string, key: string, value: Value): Promise<Value>
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

  export interface EmitData {
    topic: string
    data?: unknown
    messageGroupId?: string
  }
  /** Any event of the project. */
  export type Event = [keyof Events] extends [never] ? EmitData : Events[keyof Events]
  export type Emitter<Emitted> = (event: Emitted) => Promise<void>
  /** `AbortSignal`, where the project has its types. */
  type Signal = typeof globalThis extends { AbortSignal: { prototype: infer Found } } ? Found : { readonly aborted: boolean }

  export interface FlowContext<Emitted = Event> {
    /** Sends an event to every step that subscribes to its topic. */
    emit: Emitter<Emitted>
    traceId: string
    flows?: string[]
    /** Which try this is, from 1. */
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

// The types that step files import from 'motia', for editors and `npx tsc`. The runner supplies the module itself.

declare module 'motia' {
  /** A Zod schema or a JSON Schema. */
  type Schema = object
  type Emit = string | { topic: string; label?: string; conditional?: boolean }

  interface StepBase {
    name: string
    description?: string
    flows?: string[]
    virtualEmits?: Emit[]
    virtualSubscribes?: string[]
  }

  export interface ApiRouteConfig extends StepBase {
    type: 'api'
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'HEAD' | 'OPTIONS'
    path: string
    emits?: Emit[]
    bodySchema?: Schema
    responseSchema?: Record<number, Schema>
    queryParams?: { name: string; description?: string }[]
    middleware?: ApiMiddleware[]
  }

  export interface EventConfig extends StepBase {
    type: 'event'
    subscribes: string[]
    emits?: Emit[]
    input?: Schema | null
    infrastructure?: {
      handler?: { timeout?: number }
      queue?: { type?: 'standard' | 'fifo'; maxRetries?: number; concurrency?: number; delaySeconds?: number }
    }
  }

  export interface CronConfig extends StepBase {
    type: 'cron'
    /** Five fields, or six with leading seconds. */
    cron: string
    emits?: Emit[]
  }

  export interface NoopConfig extends StepBase {
    type: 'noop'
  }

  export type StepConfig = ApiRouteConfig | EventConfig | CronConfig | NoopConfig

  export interface StreamConfig {
    name: string
    schema: Schema
    baseConfig?: { storageType: 'default' }
  }
  export type StateStreamConfig = StreamConfig

  export interface ApiRequest<Body = any> {
    body: Body
    headers: Record<string, string | string[]>
    pathParams: Record<string, string>
    queryParams: Record<string, string | string[]>
    rawBody: string
  }

  export interface ApiResponse<Status extends number = number, Body = any> {
    status: Status
    headers?: Record<string, string | string[]>
    body?: Body
  }

  export interface Logger {
    debug(message: string, fields?: unknown): void
    info(message: string, fields?: unknown): void
    warn(message: string, fields?: unknown): void
    error(message: string, fields?: unknown): void
  }

  export interface State {
    get<Value = any>(group: string, key: string): Promise<Value | null>
    set<Value>(group: string, key: string, value: Value): Promise<Value>
    delete<Value = any>(group: string, key: string): Promise<Value | null>
    getGroup<Value = any>(group: string): Promise<Value[]>
    clear(group: string): Promise<void>
  }

  export interface MotiaStream<Data = any> {
    get(group: string, id: string): Promise<(Data & { id: string }) | null>
    set(group: string, id: string, data: Data): Promise<Data & { id: string }>
    delete(group: string, id: string): Promise<(Data & { id: string }) | null>
    getGroup(group: string): Promise<(Data & { id: string })[]>
    send(channel: { groupId: string; id?: string }, event: { type: string; data: unknown }): Promise<void>
  }

  export interface FlowContext {
    traceId: string
    flows?: string[]
    logger: Logger
    state: State
    // `any` lets `streams.name` be written under `noUncheckedIndexedAccess`.
    streams: any
    emit(event: { topic: string; data: any; messageGroupId?: string }): Promise<void>
  }

  export type ApiMiddleware = (
    request: ApiRequest,
    context: FlowContext,
    next: () => Promise<ApiResponse>,
  ) => Promise<ApiResponse>
  export type ApiRouteHandler = (request: ApiRequest, context: FlowContext) => Promise<ApiResponse> | ApiResponse
  export type EventHandler<Input = any> = (input: Input, context: FlowContext) => Promise<void> | void
  export type CronHandler = (context: FlowContext) => Promise<void> | void

  /** `Handlers['StepName']` is any handler; name one of the types above for a stricter check. */
  export interface Handlers {
    [step: string]: (...parameters: any[]) => any
  }
}

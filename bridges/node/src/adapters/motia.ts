/**
 * Stands in for `import … from 'motia'` where that package is not installed. Source: Motia 0.17's public types.
 *
 * Its names are types, so they are `undefined` when code runs; compilers usually drop such imports, but JavaScript files and
 * `verbatimModuleSyntax` keep them.
 */
export const {
  ApiMiddleware, ApiRequest, ApiResponse, ApiRouteConfig, ApiRouteHandler, ApiRouteMethod, BaseStreamItem, Config, CronConfig,
  CronHandler, Emit, EmitData, Emitter, Event, EventConfig, EventHandler, Flow, FlowContext, FlowContextStateStreams, Handler,
  HandlerConfig, Handlers, InfrastructureConfig, InternalStateManager, IStateStream, Logger, MotiaStream, NoopConfig,
  QueryParam, QueueConfig, StateStreamConfig, StateStreamEvent, StateStreamEventChannel, Step, StepConfig, StepHandler,
  StepSchemaInput, StreamAuthConfig, StreamAuthContext, StreamAuthenticate, StreamAuthRequest, StreamConfig, StreamSubscription,
  ZodInput,
} = {} as Record<string, undefined>

/** For `motia.config.ts`: the config itself. */
export const config = <Config>(value: Config): Config => value
/** For `motia.config.ts`: the config itself. */
export const defineConfig = config

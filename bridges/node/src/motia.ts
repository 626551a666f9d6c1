/**
 * Stands in for `import … from 'motia'` where that package is not installed.
 *
 * Its names are types, so they are `undefined` when code runs; compilers usually drop such imports, but JavaScript
 * files and `verbatimModuleSyntax` keep them. Source: Motia 0.17's public types.
 */

/** For `motia.config.ts`: the config itself. */
export const config = <Config>(value: Config): Config => value
/** For `motia.config.ts`: the config itself. */
export const defineConfig = config

const type: unknown = undefined

export {
  type as ApiMiddleware,
  type as ApiRequest,
  type as ApiResponse,
  type as ApiRouteConfig,
  type as ApiRouteHandler,
  type as ApiRouteMethod,
  type as BaseStreamItem,
  type as Config,
  type as CronConfig,
  type as CronHandler,
  type as Emit,
  type as EmitData,
  type as Emitter,
  type as Event,
  type as EventConfig,
  type as EventHandler,
  type as Flow,
  type as FlowContext,
  type as FlowContextStateStreams,
  type as Handler,
  type as HandlerConfig,
  type as Handlers,
  type as InfrastructureConfig,
  type as InternalStateManager,
  type as IStateStream,
  type as Logger,
  type as MotiaStream,
  type as NoopConfig,
  type as QueryParam,
  type as QueueConfig,
  type as StateStreamConfig,
  type as StateStreamEvent,
  type as StateStreamEventChannel,
  type as Step,
  type as StepConfig,
  type as StepHandler,
  type as StepSchemaInput,
  type as StreamAuthContext,
  type as StreamConfig,
  type as StreamSubscription,
  type as ZodInput,
}

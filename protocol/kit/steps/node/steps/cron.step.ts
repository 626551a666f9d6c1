export const config = { type: 'cron', name: 'Cron', cron: '0 9 * * *' }

export const handler = async (context: any) => {
  await context.state.set('cron', 'seen', { trace_id: context.traceId, attempt: context.attempt, flows: context.flows })
}

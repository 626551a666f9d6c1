export const config = { type: 'cron', name: 'Cron', cron: '0 9 * * *' }

export const handler = async (context: any) => ({ trace_id: context.traceId, attempt: context.attempt, flows: context.flows })

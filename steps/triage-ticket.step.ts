import type { EventConfig, Handlers } from 'motia'
import OpenAI from 'openai'
import { assessment, statusAt, ticket, type Assessment, type Ticket } from './lib/ticket.ts'

export const config: EventConfig = {
  type: 'event',
  name: 'TriageTicket',
  description: 'Lets a model judge the ticket and draft an answer to it',
  subscribes: ['ticket.submitted'],
  emits: ['ticket.triaged'],
  input: ticket,
  flows: ['ticket-triage'],
}

const MODEL = process.env['OPENAI_MODEL'] ?? 'gpt-4o-mini'

const INSTRUCTIONS = `You sort support tickets. Answer with one JSON object of this shape and nothing else:
{"priority": "low|medium|high|urgent", "category": "string", "draftReply": "two friendly sentences"}
The category is one or two words.`

// Made at the first ticket, so that a missing key fails a run with its reason and not the loading of this file.
let client: OpenAI | undefined

export const handler: Handlers['TriageTicket'] = async (input: Ticket, { emit, logger, state, streams }) => {
  const { ticketId, subject, body } = input
  await streams.ticketStatus.set(ticketId, 'status', statusAt('analyzing', ticketId))

  const result = await assess(subject, body)
  logger.info('Ticket triaged', { ticketId, priority: result.priority, category: result.category })

  await state.set('tickets', ticketId, { ...input, ...result, triagedAt: new Date().toISOString() })
  await streams.ticketStatus.set(ticketId, 'status', statusAt('triaged', ticketId, result))
  await emit({ topic: 'ticket.triaged', data: { ticketId, text: `${subject} ${body}` } })
}

async function assess(subject: string, body: string): Promise<Assessment> {
  client ??= new OpenAI()
  const completion = await client.chat.completions.create({
    model: MODEL,
    response_format: { type: 'json_object' },
    messages: [
      { role: 'system', content: INSTRUCTIONS },
      { role: 'user', content: `Subject: ${subject}\n\n${body}` },
    ],
  })
  return readAnswer(completion.choices[0]?.message.content ?? '')
}

/** Throws when the model did not keep to the format: the event is then tried again. */
function readAnswer(answer: string): Assessment {
  let value: unknown
  try {
    value = JSON.parse(answer)
  } catch {
    throw new Error(`The model's answer is not JSON: ${answer.slice(0, 200) || '(empty)'}`)
  }
  const read = assessment.safeParse(value)
  if (!read.success) {
    const reasons = read.error.issues.map((issue) => `${issue.path.join('.') || 'answer'}: ${issue.message}`)
    throw new Error(`The model's answer does not fit (${reasons.join('; ')}): ${answer.slice(0, 200)}`)
  }
  return read.data
}

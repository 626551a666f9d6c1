import type { Operation } from '../../services/shapes.ts'

export interface ToolCall {
  name: string
  id: string
  arguments: unknown
}

export interface Message {
  role: string
  text: string
  calls: readonly ToolCall[]
  resultOf: string
}

export interface ModelCall {
  model: string
  provider: string
  finishReason: string
  refusal: string
  durationMs: number | null
  firstChunkMs: number | null
  streamed: boolean
  tokensIn: number | null
  tokensOut: number | null
  tokensCached: number | null
  tokensReasoning: number | null
  messages: readonly Message[]
  messagesLeftOut: number
  answer: Message | null
  tools: readonly string[]
  cut: boolean
}

/** What an operation tells of a call of a language model; `null` when it is none. */
export function modelCallOf(operation: Operation): ModelCall | null {
  const about = mapOf(operation.attributes)
  const model = textOf(about.model)
  if (model === '') return null
  return {
    model,
    provider: textOf(about.provider) || 'not known',
    finishReason: textOf(about.finishReason),
    refusal: textOf(about.refusal),
    durationMs: operation.durationMs,
    firstChunkMs: numberOf(about.firstChunkMs),
    streamed: about.streamed === true,
    tokensIn: numberOf(about.tokensIn),
    tokensOut: numberOf(about.tokensOut),
    tokensCached: numberOf(about.tokensCached),
    tokensReasoning: numberOf(about.tokensReasoning),
    messages: listOf(operation.messages).map(messageOf),
    messagesLeftOut: numberOf(operation.messagesLeftOut) ?? 0,
    answer: operation.answer === null || operation.answer === undefined ? null : messageOf(operation.answer),
    tools: listOf(operation.tools).map(textOf),
    cut: operation.cut === true || isCut(operation.messages) || isCut(operation.answer),
  }
}

interface TokenPart {
  kind: 'in' | 'cached' | 'out' | 'reasoning'
  tokens: number
  words: string
}

/** Tokens of a call in parts that do not overlap; empty when the answer does not tell. */
export function tokenParts(call: ModelCall): TokenPart[] {
  const within = (part: number | null, whole: number | null): number => Math.min(part ?? 0, whole ?? 0)
  const cached = within(call.tokensCached, call.tokensIn)
  const reasoning = within(call.tokensReasoning, call.tokensOut)
  const parts: TokenPart[] = [
    { kind: 'cached', tokens: cached, words: 'in, from a cache' },
    { kind: 'in', tokens: (call.tokensIn ?? 0) - cached, words: 'in' },
    { kind: 'reasoning', tokens: reasoning, words: 'out, for reasoning' },
    { kind: 'out', tokens: (call.tokensOut ?? 0) - reasoning, words: 'out' },
  ]
  return call.tokensIn === null && call.tokensOut === null ? [] : parts.filter((part) => part.tokens > 0 || part.kind === 'in' || part.kind === 'out')
}

/** Tokens of the answer a second, from its first part on where it was streamed; `null` where the call does not tell. */
export function tokensPerSecond({ tokensOut, durationMs, firstChunkMs, streamed }: ModelCall): number | null {
  if (tokensOut === null || durationMs === null) return null
  const ms = durationMs - (streamed ? (firstChunkMs ?? 0) : 0)
  return ms > 0 ? (1000 * tokensOut) / ms : null
}

/** Call as the body of a request to a chat API, to be sent again by hand: of tools their names alone are kept. */
export function requestText({ model, messages, tools }: ModelCall): string {
  const body = {
    model,
    messages: messages.map(({ role, text, calls, resultOf }) => ({
      role,
      content: text,
      ...(calls.length > 0 && {
        tool_calls: calls.map((each) => ({ id: each.id, type: 'function', function: { name: each.name, arguments: asText(each.arguments) } })),
      }),
      ...(resultOf !== '' && { tool_call_id: resultOf }),
    })),
    ...(tools.length > 0 && { tools: tools.map((name) => ({ type: 'function', function: { name } })) }),
  }
  return JSON.stringify(body, null, 2)
}

const asText = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value ?? {}))

function messageOf(value: unknown): Message {
  const given = mapOf(value)
  const text = textOf(given.text) || textOf(given.$cut)
  const calls = listOf(given.calls).map((each) => {
    const call = mapOf(each)
    return { name: textOf(call.name), id: textOf(call.id), arguments: call.arguments }
  })
  return { role: textOf(given.role) || 'user', text, calls, resultOf: textOf(given.resultOf) }
}

const mapOf = (value: unknown): Record<string, unknown> => (typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {})
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : isCut(value) ? [value] : [])
const isCut = (value: unknown): boolean => '$cut' in mapOf(value)
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')
const numberOf = (value: unknown): number | null => (typeof value === 'number' ? value : null)

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { handler } from '../steps/hello.step.ts'

type Call = Parameters<typeof handler>

test('hello answers with the name and emits who is to be greeted', async () => {
  const emitted: unknown[] = []
  const request = { queryParams: { name: 'Ada' } } as unknown as Call[0]
  const context = {
    traceId: 'trace-1',
    logger: { info() {} },
    emit: async (event: unknown) => void emitted.push(event),
  } as unknown as Call[1]

  const answer = await handler(request, context)

  assert.deepEqual(answer, { status: 200, body: { message: 'Hello, Ada!', greetingId: 'trace-1' } })
  assert.deepEqual(emitted, [{ topic: 'hello.said', data: { greetingId: 'trace-1', name: 'Ada' } }])
})

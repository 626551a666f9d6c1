import assert from 'node:assert/strict'
import { test } from 'node:test'
import { handler } from '../steps/hello.step.js'

test('hello answers with the name and emits who is to be greeted', async () => {
  /** @type {unknown[]} */
  const emitted = []
  /** @type {any} */
  const request = { queryParams: { name: 'Ada' } }
  /** @type {any} */
  const context = {
    traceId: 'trace-1',
    logger: { info() {} },
    emit: async (/** @type {unknown} */ event) => void emitted.push(event),
  }

  const answer = await handler(request, context)

  assert.deepEqual(answer, { status: 200, body: { message: 'Hello, Ada!', greetingId: 'trace-1' } })
  assert.deepEqual(emitted, [{ topic: 'hello.said', data: { greetingId: 'trace-1', name: 'Ada' } }])
})

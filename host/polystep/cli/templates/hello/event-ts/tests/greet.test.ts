import assert from 'node:assert/strict'
import { test } from 'node:test'
import { handler } from '../steps/greet.step.ts'

type Call = Parameters<typeof handler>

test('greet keeps a greeting under its id', async () => {
  const kept: unknown[][] = []
  const context = {
    logger: { info() {} },
    state: { set: async (...given: unknown[]) => void kept.push(given) },
  } as unknown as Call[1]

  await handler({ greetingId: '1', name: 'Ada' }, context)

  assert.equal(kept.length, 1)
  const [group, key, greeting] = kept[0] as [string, string, { text: string }]
  assert.deepEqual([group, key, greeting.text], ['greetings', '1', 'Good to see you, Ada!'])
})

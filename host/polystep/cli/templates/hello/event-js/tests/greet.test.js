import assert from 'node:assert/strict'
import { test } from 'node:test'
import { handler } from '../steps/greet.step.js'

test('greet keeps a greeting under its id', async () => {
  /** @type {any[]} */
  const kept = []
  /** @type {any} */
  const context = {
    logger: { info() {} },
    state: { set: async (/** @type {unknown[]} */ ...given) => void kept.push(given) },
  }

  await handler({ greetingId: '1', name: 'Ada' }, context)

  assert.equal(kept.length, 1)
  const [group, key, greeting] = kept[0]
  assert.deepEqual([group, key, greeting.text], ['greetings', '1', 'Good to see you, Ada!'])
})

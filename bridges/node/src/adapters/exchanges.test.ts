/** When what was asked of a model, and answered, is told. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Exchange } from './exchanges.ts'

const READERS = ['json', 'text', 'arrayBuffer'] as const

void describe('an exchange with a model', () => {
  for (const reader of READERS) {
    void it(`is told before user code goes on after ${reader}()`, async () => {
      const order: string[] = []
      const exchange = new Exchange('{}')
      const response = new Response('{"model":"m"}', { headers: { 'content-type': 'application/json' } })
      exchange.watch(response)
      const reading = response[reader]()
      exchange.ended(() => order.push('told'))
      await reading
      order.push('read')
      assert.deepEqual(order, ['told', 'read'])
      assert.equal(exchange.told['response'], '{"model":"m"}')
    })
  }

  void it('is told once, also when its answer is read long after', async () => {
    let told = 0
    const exchange = new Exchange('{}')
    const response = new Response('{}', { headers: { 'content-type': 'application/json' } })
    exchange.watch(response)
    exchange.ended(() => { told += 1 })
    await new Promise(setImmediate)
    assert.equal(told, 1)
    await response.text()
    assert.equal(told, 1)
  })

  void it('is told at once when its answer was read before its end', async () => {
    let told = 0
    const exchange = new Exchange('{}')
    const response = new Response('{}', { headers: { 'content-type': 'application/json' } })
    exchange.watch(response)
    await response.text()
    exchange.ended(() => { told += 1 })
    assert.equal(told, 1)
  })
})

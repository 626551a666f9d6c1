import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { carry, carryAsText, pack, readHead, unpack } from './codec.ts'
import { describeFailure, PolystepError } from './errors.ts'

const roundTrip = (value: unknown): unknown => unpack(Buffer.from(pack([carry(value, 'data')])))
const hexOf = (value: unknown): string => Buffer.from(pack([carry(value, 'data')])).toString('hex')

function refusal(value: unknown): { message: string; data: Record<string, unknown> } {
  try {
    carry(value, 'data')
  } catch (error) {
    assert.ok(error instanceof PolystepError)
    assert.equal(error.name, 'invalid_value')
    return { message: error.message, data: error.data }
  }
  throw new Error('the value was carried')
}

void describe('values that are carried', () => {
  class Money {
    amount = 3
    currency = 'EUR'
    format(): string {
      return `${this.amount} ${this.currency}`
    }
  }
  class Dated {
    toJSON(): unknown {
      return { at: new Date(0) }
    }
  }
  class Self {
    x = 1
    toJSON(): this {
      return this
    }
  }
  const table: [name: string, value: unknown, expected: unknown][] = [
    ['an integral float', 1.0, 1],
    ['the largest integer', 2 ** 53 - 1, 2 ** 53 - 1],
    ['the smallest integer', -(2 ** 53 - 1), -(2 ** 53 - 1)],
    ['a float behind it', 2 ** 53, 2 ** 53],
    ['a large float', { n: [1e20, -1e20] }, { n: [1e20, -1e20] }],
    ['a fraction', 0.1, 0.1],
    ['a float with an exponent', 1e300, 1e300],
    ['minus zero', -0, 0],
    ['an absent member', { a: undefined, b: 1 }, { b: 1 }],
    ['a function and a symbol', { a: () => 1, b: Symbol('b'), c: 1 }, { c: 1 }],
    ['absent items', [undefined, () => 1, 1], [null, null, 1]],
    ['an array with holes', Object.assign([], { length: 2, 1: 'x' }), [null, 'x']],
    ['a Date', { at: new Date(0) }, { at: '1970-01-01T00:00:00.000Z' }],
    ['an invalid Date', new Date(NaN), null],
    ['a nested toJSON', new Dated(), { at: '1970-01-01T00:00:00.000Z' }],
    ['a toJSON that returns this', new Self(), { x: 1 }],
    ['an instance of a class', new Money(), { amount: 3, currency: 'EUR' }],
    ['an object without prototype', Object.assign(Object.create(null) as object, { a: 1 }), { a: 1 }],
    ['a boxed string', [Object('x'), Object(1), Object(true)], ['x', 1, true]],
    ['numeric keys', { 1: 'a' }, { '1': 'a' }],
    ['a URL', new URL('http://a.b/c'), 'http://a.b/c'],
    ['an emoji', '👩‍🚀', '👩‍🚀'],
    ['a Buffer', Buffer.from([1, 2]), Buffer.from([1, 2])],
    ['a typed array', new Uint16Array([1]), Buffer.from([1, 0])],
    ['an ArrayBuffer', { x: new Uint8Array([7]).buffer }, { x: Buffer.from([7]) }],
    ['one object twice', ((one) => [one, one])({ a: 1 }), [{ a: 1 }, { a: 1 }]],
  ]
  for (const [name, value, expected] of table) {
    void it(`carries ${name}`, () => {
      assert.deepEqual(roundTrip(value), [expected])
    })
  }

  void it('leaves a plain value as the object it is', () => {
    const value = { a: [1, { b: 'x' }], c: undefined }
    assert.equal(carry(value, 'data'), value)
  })

  void it('does not change the object it was given when it has to copy', () => {
    const value = { before: 1, at: new Date(0), list: [new Date(0)] }
    assert.deepEqual(carry(value, 'data'), { before: 1, at: '1970-01-01T00:00:00.000Z', list: ['1970-01-01T00:00:00.000Z'] })
    assert.ok(value.at instanceof Date && value.list[0] instanceof Date)
  })

  void it('packs integers as integers and an exponent as a float', () => {
    assert.deepEqual([hexOf(1), hexOf(2 ** 53 - 1), hexOf(2 ** 53), hexOf(1e21)], ['9101', '91cf001fffffffffffff', '91cb4340000000000000', '91cb444b1ae4d6e2ef50'])
  })

  void it('carries 100 levels', () => {
    let value: unknown = []
    for (let level = 1; level < 100; level += 1) value = [value]
    assert.deepEqual(roundTrip(value), [value])
  })

  void it('honours a BigInt.prototype.toJSON of user code', () => {
    const holder = BigInt.prototype as { toJSON?: () => string }
    holder.toJSON = () => 'big'
    try {
      assert.deepEqual(roundTrip({ n: 5n }), [{ n: 'big' }])
    } finally {
      delete holder.toJSON
    }
  })
})

void describe('values that are refused', () => {
  const cycle: Record<string, unknown> = { a: {} }
  ;(cycle['a'] as Record<string, unknown>)['back'] = cycle
  let deep: unknown = []
  for (let level = 0; level < 100; level += 1) deep = [deep]
  const table: [name: string, value: unknown, type: string, path: string, hint: string][] = [
    ['NaN', { items: [0, 0, 0, { total: NaN }] }, 'NaN', 'data.items[3].total', 'finite'],
    ['infinity', [-Infinity], '-Infinity', 'data[0]', 'finite'],
    ['a BigInt', { n: 1n }, 'BigInt', 'data.n', 'String(value)'],
    ['a Map', { 'a b': new Map() }, 'Map', 'data["a b"]', 'Object.fromEntries'],
    ['a Set', new Set(), 'Set', 'data', '[...set]'],
    ['an Error', { e: new RangeError('x') }, 'RangeError', 'data.e', 'error.message'],
    ['a promise', { p: Promise.resolve(1) }, 'Promise', 'data.p', 'await'],
    ['a regular expression', /x/, 'RegExp', 'data', 'source'],
    ['a lone surrogate', ['\ud800'], 'string', 'data[0]', 'toWellFormed'],
    ['a lone surrogate in a key', { '\udc00': 1 }, 'map key', 'data["\\udc00"]', 'surrogate'],
    ['a cycle', cycle, 'object', 'data.a.back', 'refers back'],
  ]
  for (const [name, value, type, path, hint] of table) {
    void it(`refuses ${name} by type and path`, () => {
      const { message, data } = refusal(value)
      assert.deepEqual(data, { type, path })
      assert.ok(message.startsWith(`${path} cannot be carried: ${type}`) && message.includes(hint), message)
    })
  }

  void it('refuses 101 levels', () => {
    assert.match(refusal(deep).message, /nested more than 100 deep/)
  })
})

void describe('values as text', () => {
  void it('shows errors, and what cannot be carried, anywhere in log fields', () => {
    const error = new TypeError('bad')
    const fields: Record<string, unknown> = { error, list: [{ error }], n: 1n, m: new Map([['a', 1]]), nan: NaN, s: '\ud800', ok: 1 }
    fields['self'] = fields
    const shown = describeFailure(error)
    assert.deepEqual(carryAsText(fields), {
      error: shown, list: [{ error: shown }], n: '1n', m: "Map(1) { 'a' => 1 }", nan: 'NaN', s: '\ufffd', ok: 1, self: '[Circular]',
    })
  })

  void it('never throws, whatever a getter does', () => {
    const nasty = { get x(): number { throw new Error('no') } }
    assert.deepEqual(carryAsText(nasty), '{ x: [Getter] }')
  })
})

void describe('reading', () => {
  void it('keeps a __proto__ key as an ordinary member', () => {
    const bytes = Buffer.from(pack([JSON.parse('{"__proto__": {"admin": true}, "a": [{"__proto__": 1}]}')]))
    const [value] = unpack(bytes) as [Record<string, unknown>]
    assert.equal(JSON.stringify(value), '{"__proto__":{"admin":true},"a":[{"__proto__":1}]}')
    assert.equal(Object.getPrototypeOf(value), Object.prototype)
    assert.equal((value as { admin?: boolean }).admin, undefined)
  })

  void it('copies a __proto__ member as an ordinary member', () => {
    const value = JSON.parse('{"__proto__": {"admin": true}}') as Record<string, unknown>
    const copy = carry(Object.assign(value, { at: new Date(0) }), 'data')
    assert.equal(JSON.stringify(copy), '{"__proto__":{"admin":true},"at":"1970-01-01T00:00:00.000Z"}')
  })

  void it('gives bytes as Buffers', () => {
    const [value] = unpack(Buffer.from('91c4020102', 'hex')) as [unknown]
    assert.ok(Buffer.isBuffer(value))
    assert.deepEqual([...value], [1, 2])
  })

  void it('keeps a key apart that looks like what stands in for __proto__', () => {
    const text = '{"\\u0000__proto__":1,"__proto__":2,"\\u0000\\u0000__proto__":3}'
    const [value] = unpack(Buffer.from(pack([JSON.parse(text)]))) as [unknown]
    assert.deepEqual(Object.entries(value as object).sort(), Object.entries(JSON.parse(text) as object).sort())
  })

  void it('takes every encoding of a value', () => {
    const hex = 'dd00000004' + 'cf0000000000000001' + 'd3ffffffffffffffff' + 'db0000000161' + 'ca3f000000'
    assert.deepEqual(unpack(Buffer.from(hex, 'hex')), [1, -1, 'a', 0.5])
  })

  const refused: [name: string, hex: string, why: RegExp][] = [
    ['an extension type', '91d6ff00000000', /extension type -1/],
    ['a timestamp as a key', '8191d6ff0000000001', /extension type/],
    ['a key that is a number', '810101', /a key is not a string/],
    ['a key that is nil', '81c001', /a key is not a string/],
    ['a key that is an array', '819001', /a key is not a string/],
    ['bytes that end too early', '9201', /./],
    ['a string that ends too early', '91a5616263', /./],
    ['bytes behind the value', '9101c0', /./],
    ['the unused byte', '91c1', /./],
  ]
  for (const [name, hex, why] of refused) {
    void it(`refuses ${name}`, () => {
      assert.throws(() => unpack(Buffer.from(hex, 'hex')), { name: 'invalid_value', code: 4, message: why })
    })
  }

  const heads: [hex: string, head: unknown[]][] = [
    ['9400cd0100a178', [4, 0, 256]],
    ['dc0004cc01d20000000780', [4, 1, 7]],
    ['dd00000004d300000000000000010580', [4, 1, 5]],
    ['9302d9ff6162', [3, 2]],
    ['9400', [4, 0]],
    ['94', [4]],
    ['81c001', [-15, null, 1]],
  ]
  for (const [hex, head] of heads) {
    void it(`reads how ${hex} begins`, () => {
      assert.deepEqual(readHead(Buffer.from(hex, 'hex')), head)
    })
  }
})

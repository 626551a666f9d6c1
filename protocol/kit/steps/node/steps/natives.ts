/** Values that only the language itself can make, each new when it is asked for. */

class Instance {
  a = 1
}

/** Name → how it is made. */
export const natives: Partial<Record<string, () => unknown>> = {
  nan: () => NaN,
  infinity: () => Infinity,
  large_float: () => [2 ** 53, 1e20, -1e20],
  integral_float: () => 1.0,
  minus_zero: () => -0,
  bigint: () => 1n,
  nested_nan: () => ({ items: [{ total: NaN }] }),
  lone_surrogate: () => '\ud800',
  bytes: () => Buffer.from([0x00, 0xff]),
  time: () => new Date('2024-01-02T03:04:05Z'),
  cycle() {
    const list: unknown[] = []
    list.push(list)
    return list
  },
  deep: () => nested(101),
  hundred: () => nested(100),
  number_keys: () => ({ 1: 'one' }),
  proto_key: () => JSON.parse('{"__proto__": 1}') as unknown,
  undefined_member: () => ({ a: undefined, b: 1 }),
  undefined_item: () => [undefined, 1],
  symbol_member: () => ({ a: Symbol('a'), b: 1 }),
  map: () => new Map([['a', 1]]),
  set: () => new Set([1]),
  error: () => new Error('an error'),
  promise: () => ({ p: Promise.resolve(1) }),
  class_instance: () => new Instance(),
  object: () => new WeakMap(),
  function: () => () => 1,
}

function nested(levels: number): unknown {
  let value: unknown = []
  for (let level = 1; level < levels; level += 1) value = [value]
  return value
}

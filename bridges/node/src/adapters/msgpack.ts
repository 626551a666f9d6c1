/** Strict reading with @msgpack/msgpack, which takes more than the protocol does and refuses `__proto__`. Source: PS-3.7, PS-3.11. */
import { Decoder, type DecoderOptions } from '@msgpack/msgpack'
import { isMap } from '../errors.ts'

const unreadable = (why: string): never => { throw new Error(why) }
const STRICT: DecoderOptions = {
  extensionCodec: {
    tryToEncode: () => null,
    decode: (_bytes, type) => unreadable(`extension type ${type} is not used by this protocol (PS-3.7)`),
  },
  mapKeyConverter: (key) => (typeof key === 'string' ? key : unreadable('a key is not a string')),
}
const decoder = new Decoder(STRICT)

const escapedKey = (bytes: Uint8Array, start: number, size: number): string =>
  Buffer.from(bytes.subarray(start, start + size)).toString().replace(/__proto__$/, '\0$&')
/** The other decoder refuses `__proto__` keys. This one adds a byte to keys that end so, and `repaired` takes it away. */
const protoDecoder = new Decoder({ ...STRICT, keyDecoder: { canBeCached: () => true, decode: escapedKey } })

/** The value in `bytes`, every text of it well-formed. Throws an Error that says why there is none. */
export function decode(bytes: Buffer): unknown {
  try {
    const value = decoder.decode(bytes)
    // The decoder makes lone surrogates of ill-formed UTF-8, where one of these two bytes begins it.
    return bytes.includes(0xed) || bytes.includes(0xf0) ? repaired(value, false) : value
  } catch (error) {
    if (!String(error).includes('__proto__')) throw error
    return repaired(protoDecoder.decode(bytes), true)
  }
}

/** Values that stand behind each other, as far as they are read. */
export function decodeEach(bytes: Buffer): Iterable<unknown> { return decoder.decodeMulti(bytes) }

/** A copy in which every text is well-formed, and every key what it was. */
function repaired(value: unknown, hasProto: boolean): unknown {
  if (typeof value === 'string') return value.toWellFormed()
  if (Array.isArray(value)) return value.map((item) => repaired(item, hasProto))
  if (!isMap(value)) return value
  const keyOf = (key: string): string => (hasProto ? key.replace(/\0(?=__proto__$)/, '') : key.toWellFormed())
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [keyOf(key), repaired(member, hasProto)]))
}

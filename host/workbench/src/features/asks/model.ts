import { sampleText } from '../../ui/TwoFaces.tsx'

/**
 * JSON text to begin an answer with: the members that must be there, and no yes that nobody has chosen.
 */
export function blankAnswer(schema: unknown): string {
  const sample = JSON.parse(sampleText(schema ?? {})) as unknown
  if (typeof sample === 'boolean') return 'false'
  if (typeof sample !== 'object' || sample === null || Array.isArray(sample)) return JSON.stringify(sample, null, 2)
  const needed = requiredOf(schema)
  const members = Object.entries(sample).filter(([name]) => needed === null || needed.has(name))
  return JSON.stringify(Object.fromEntries(members.map(([name, value]) => [name, value === true ? false : value])), null, 2)
}

/** Names of the members that an object must have; null where the schema names no members. */
function requiredOf(schema: unknown): ReadonlySet<unknown> | null {
  if (typeof schema !== 'object' || schema === null || !('properties' in schema)) return null
  return new Set('required' in schema && Array.isArray(schema.required) ? (schema.required as unknown[]) : [])
}

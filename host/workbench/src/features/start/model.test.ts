import { expect, it } from 'vitest'
import { traceRow } from '../../test/factories.ts'
import { LANGUAGES, factsOf } from './model.ts'

const starters = (written: string) => ({
  folder: '/p/steps',
  starters: LANGUAGES.map((language) => ({ language, files: [{ file: `steps/hello.${language}`, text: '', exists: language === written }] })),
})
const step = (name: string, error: string | null = null, file = `steps/${name}`) =>
  ({ name, error, file, type: 'api' as const, language: 'python' })
const found = (...steps: ReturnType<typeof step>[]) => ({ steps, streams: [], warnings: [], findings: [], cursor: null })

it('knows nothing of an empty project', () => {
  expect(factsOf(starters(''), found(), [])).toEqual({ written: null, loaded: false, failures: [], trace: null })
})

it('takes steps for loaded when both are, and a trace for the first when it began with the first step', () => {
  expect(factsOf(starters('python'), found(step('Hello')), []).loaded).toBe(false)
  const facts = factsOf(starters('python'), found(step('Hello'), step('Greet')), [traceRow(1), traceRow(2, { name: 'Hello' })])
  expect([facts.written, facts.loaded, facts.trace?.cursor]).toEqual(['python', true, 2])
})

it('names why a file of the chosen language does not load, and no other', () => {
  const facts = factsOf(starters('ruby'), found(step('hello.ruby', 'no Ruby here', 'steps/hello.ruby'), step('x', 'other', 'steps/x')), [])
  expect(facts.failures).toEqual([{ file: 'steps/hello.ruby', error: 'no Ruby here' }])
})

// @vitest-environment jsdom
import { cleanup, fireEvent, render, screen } from '@testing-library/react'
import { useState } from 'react'
import { afterEach, expect, it } from 'vitest'
import { wholeOf } from './schema.ts'
import { SchemaForm, type Problem } from './SchemaForm.tsx'

afterEach(cleanup)

let text = ''

function Held({ schema, begin, problems = [] }: { schema: unknown; begin: string; problems?: readonly Problem[] }) {
  const [now, setNow] = useState(begin)
  text = now
  return <SchemaForm label="Body" part={wholeOf(schema)} text={now} problems={problems} onChange={setNow} />
}

const PERSON = { type: 'object', properties: { name: { type: 'string' }, age: { type: 'integer' }, tags: { type: 'array', items: { type: 'string' } } }, required: ['name'] }
const value = (): unknown => JSON.parse(text)

it('changes one member and keeps what it has no field for, exactly', () => {
  render(<Held schema={PERSON} begin={'{"name":"ann","extra":9007199254740993,"more":[1.0]}'} />)
  fireEvent.change(screen.getByLabelText('name', { selector: 'input[type=text]' }), { target: { value: 'eve' } })
  expect(text.replaceAll(/\s/g, '')).toBe('{"name":"eve","extra":9007199254740993,"more":[1.0]}')
})

it('leaves members out and puts them in again', () => {
  render(<Held schema={PERSON} begin={'{"name":"ann","age":7}'} />)
  fireEvent.click(screen.getByLabelText('age', { selector: 'input[type=checkbox]' }))
  expect(value()).toEqual({ name: 'ann' })
  fireEvent.click(screen.getByLabelText('tags', { selector: 'input[type=checkbox]' }))
  fireEvent.click(screen.getByText('Add to tags'))
  fireEvent.click(screen.getByLabelText('Remove tags 1'))
  expect(value()).toEqual({ name: 'ann', tags: ['tags'] })
})

it('writes large numbers as they are typed, and texts that are none as texts', () => {
  render(<Held schema={PERSON} begin={'{"name":"ann","age":7}'} />)
  const age = screen.getByLabelText('age', { selector: 'input[type=text]' })
  fireEvent.change(age, { target: { value: '9007199254740993' } })
  expect(text).toContain('9007199254740993')
  fireEvent.change(age, { target: { value: '1.' } })
  expect(value()).toEqual({ name: 'ann', age: '1.' })
})

it('shows what is wrong beside its field, and texts as texts', () => {
  render(<Held schema={PERSON} begin={'{"name":"<img src=x>"}'} problems={[{ path: ['name'], message: 'is <b>wrong</b>' }]} />)
  expect(screen.getByText('is <b>wrong</b>')).toBeTruthy()
  expect(screen.getByLabelText('name', { selector: 'input[type=text]' }).getAttribute('aria-invalid')).toBe('true')
  expect(document.querySelector('img, b')).toBeNull()
})

it('edits a value of another kind as JSON', () => {
  render(<Held schema={PERSON} begin={'{"name":["not","a text"]}'} />)
  fireEvent.change(screen.getByLabelText('name as JSON'), { target: { value: '"a text"' } })
  expect(value()).toEqual({ name: 'a text' })
})

// @vitest-environment jsdom
import { cleanup, fireEvent, render, screen } from '@testing-library/react'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { NotedSource, linesWords, type Noted } from './NotedSource.tsx'

beforeEach(() => {
  // jsdom lays nothing out, and has no way to scroll.
  Element.prototype.scrollIntoView = vi.fn()
})
afterEach(cleanup)

const CARD = { id: '', title: 'Route', description: 'Where it listens', lines: [{ first: 2, last: 3 }, { first: 5, last: 5 }], link: 'https://example.org/x' }
const noted = (features: Noted['features']): Noted => ({ text: 'one\ntwo\nthree\nfour\nfive\n', features })
const lit = (): string[] => [...document.querySelectorAll('mark')].map((each) => each.textContent)

it('shows the text alone where no file has cards', () => {
  render(<NotedSource source={noted(null)} />)
  expect(screen.queryByRole('list')).toBeNull()
  expect(screen.getByLabelText('Source').textContent).toContain('three')
})

it('lights the lines of a card while it is pressed', () => {
  render(<NotedSource source={noted({ file: 'a-features.json', problems: [], cards: [CARD, { ...CARD, title: 'Last', lines: [] }] })} />)
  const card = screen.getByRole('button', { name: /Route/ })
  expect(card.textContent).toContain('Lines 2–3, 5')
  expect(lit()).toEqual([])
  fireEvent.click(card)
  expect(card.getAttribute('aria-pressed')).toBe('true')
  expect(lit()).toEqual(['two\n', 'three\n', 'five\n'])
  fireEvent.click(card)
  expect(lit()).toEqual([])
  expect(screen.queryByRole('button', { name: /Last/ })).toBeNull()
  expect(screen.getByText('Last')).toBeTruthy()
})

it('leads to other sites by name, and keeps every other link a text', () => {
  const cards = [CARD, { ...CARD, title: 'Bad', link: 'javascript:alert(1)' }]
  render(<NotedSource source={noted({ file: 'a-features.json', problems: [], cards })} />)
  const [link, ...more] = screen.getAllByRole('link')
  expect(more).toEqual([])
  expect([link?.getAttribute('href'), link?.getAttribute('rel'), link?.textContent]).toEqual(['https://example.org/x', 'noopener noreferrer', 'Read more at example.org'])
  expect(screen.getByText('javascript:alert(1)')).toBeTruthy()
})

it('says what is wrong with the file of the cards', () => {
  render(<NotedSource source={noted({ file: 'a-features.json', problems: ['It is not JSON.'], cards: [] })} />)
  expect(screen.getAllByRole('listitem').map((each) => each.textContent)).toEqual(['It is not JSON.'])
  expect(screen.getByText('a-features.json')).toBeTruthy()
})

it('puts lines in words', () => {
  expect([linesWords([]), linesWords([{ first: 7, last: 7 }]), linesWords([{ first: 1, last: 2 }])]).toEqual(['', 'Line 7', 'Lines 1–2'])
})

// @vitest-environment jsdom
import { expect, it, vi } from 'vitest'
import { Actions, keyWords } from './actions.ts'

const press = (actions: Actions, key: string, options: KeyboardEventInit = {}, target: HTMLElement = document.body): boolean => {
  let done = false
  const listen = (event: KeyboardEvent): void => {
    done = actions.key(event)
  }
  if (target !== document.body) document.body.append(target)
  document.addEventListener('keydown', listen, { once: true })
  target.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...options }))
  return done
}

function made(): { actions: Actions; go: ReturnType<typeof vi.fn>; next: ReturnType<typeof vi.fn> } {
  const actions = new Actions()
  const [go, next] = [vi.fn(), vi.fn()]
  actions.register([
    { id: 'go', label: 'Go', keys: ['g', 't'], group: 'Go', perform: go },
    { id: 'next', label: 'Next', keys: ['j'], group: 'Rows', perform: next },
  ])
  return { actions, go, next }
}

it('performs a key and a chord', () => {
  const { actions, go, next } = made()
  expect(press(actions, 'j')).toBe(true)
  press(actions, 'g')
  expect(press(actions, 't')).toBe(true)
  expect([go.mock.calls.length, next.mock.calls.length]).toEqual([1, 1])
})

it('never fires while the reader types, or with a modifier', () => {
  const { actions, next } = made()
  expect(press(actions, 'j', {}, document.createElement('input'))).toBe(false)
  expect(press(actions, 'j', {}, document.createElement('textarea'))).toBe(false)
  expect(press(actions, 'j', { ctrlKey: true })).toBe(false)
  expect(next).not.toHaveBeenCalled()
})

it('leaves the keys of a dialog to the dialog', () => {
  const { actions } = made()
  const dialog = document.createElement('dialog')
  dialog.open = true
  expect(press(actions, 'j', {}, dialog)).toBe(false)
  dialog.open = false
  expect(press(actions, 'j', {}, dialog)).toBe(true)
})

it('performs a key with a modifier also while the reader types', () => {
  const { actions } = made()
  const find = vi.fn()
  actions.register([{ id: 'find', label: 'Find', keys: ['Mod+k'], group: 'Go', perform: find }])
  expect(press(actions, 'k', { ctrlKey: true }, document.createElement('input'))).toBe(true)
  expect(press(actions, 'K', { metaKey: true })).toBe(true)
  expect(press(actions, 'k')).toBe(false)
  expect(find).toHaveBeenCalledTimes(2)
})

it('lets the reader turn off the keys of a single letter, and remembers it', () => {
  const { actions, next } = made()
  const leave = vi.fn()
  actions.register([{ id: 'leave', label: 'Leave', keys: ['Escape'], group: 'Rows', perform: leave }])
  actions.switchLetters(false)
  expect([press(actions, 'j'), press(actions, 'Escape'), new Actions().letters()]).toEqual([false, true, false])
  expect(next).not.toHaveBeenCalled()
  actions.switchLetters(true)
  expect([press(actions, 'j'), new Actions().letters()]).toEqual([true, true])
})

it('forgets the actions of a view that is gone', () => {
  const { actions, next } = made()
  const other = vi.fn()
  const leave = actions.register([{ id: 'other', label: 'Other', keys: ['j'], group: 'Rows', perform: other }])
  press(actions, 'j')
  leave()
  press(actions, 'j')
  expect([other.mock.calls.length, next.mock.calls.length]).toEqual([1, 1])
})

it('shows keys as a reader knows them', () => {
  expect(keyWords(['g', 't'])).toBe('g t')
  expect(keyWords(['ArrowDown'])).toBe('↓')
})

// @vitest-environment jsdom
import { cleanup, render } from '@testing-library/react'
import { afterEach, expect, it } from 'vitest'
import Markdown from './Markdown.tsx'

afterEach(cleanup)

const shown = (text: string): HTMLElement => render(<Markdown text={text} />).container

it('shows the form of a text', () => {
  const found = shown('# Title\n\nSome *weak* and **strong** `code`\n\n> said\n\n3. three\n4. four\n\n- one\n\n```js\nlet a\n```\n\n---\n')
  expect(found.querySelector('em')?.textContent).toBe('weak')
  expect(found.querySelector('strong')?.textContent).toBe('strong')
  expect(found.querySelector('p code')?.textContent).toBe('code')
  expect(found.querySelector('pre')?.textContent).toBe('let a')
  expect(found.querySelector('ol')?.getAttribute('start')).toBe('3')
  expect([...found.querySelectorAll('li')].map((each) => each.textContent)).toEqual(['three', 'four', 'one'])
  expect([found.querySelectorAll('blockquote, hr').length, found.querySelectorAll('h1').length]).toEqual([2, 0])
})

it('reaches nothing: links and images are words, and markup stays text', () => {
  const found = shown('[click](javascript:alert(1)) ![a cat](http://evil/x.png) ![](http://evil/y.png) <img src=x onerror=alert(1)>\n\n<script>alert(1)</script>\n\n[ref][r]\n\n[r]: http://evil/z')
  expect(found.querySelectorAll('a, img, script, iframe')).toHaveLength(0)
  expect(found.textContent).toContain('click (javascript:alert(1))')
  expect(found.textContent).toContain('[image: a cat] [image: http://evil/y.png] <img src=x onerror=alert(1)>')
  expect(found.textContent).toContain('<script>alert(1)</script>')
  expect(found.textContent).toContain('ref')
})

it('says where a long text was cut', () => {
  expect(shown('x'.repeat(150_001)).textContent).toContain('its first 150,000 characters are shown')
  expect(shown('x'.repeat(150_000)).textContent).toHaveLength(150_000)
})

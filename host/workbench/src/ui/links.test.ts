import { expect, it } from 'vitest'
import { webLink } from './links.ts'

it('takes addresses of the web, and nothing that runs or stays here', () => {
  expect(webLink('https://example.org/a?b#c')).toEqual({ href: 'https://example.org/a?b#c', host: 'example.org' })
  expect(webLink('HTTP://Example.org')).toEqual({ href: 'http://example.org/', host: 'example.org' })
  for (const text of ['javascript:alert(1)', ' java\nscript:alert(1)', 'data:text/html,x', 'file:///etc/passwd', '/docs', '', 'docs']) {
    expect(webLink(text)).toBeNull()
  }
})

/** Link to another site, and the name of that site for the reader; null for what must stay text. */
export function webLink(text: string): { href: string; host: string } | null {
  try {
    const url = new URL(text)
    return url.protocol === 'https:' || url.protocol === 'http:' ? { href: url.href, host: url.host } : null
  } catch {
    return null
  }
}

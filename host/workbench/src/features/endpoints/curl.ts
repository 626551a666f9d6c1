import type { Sent } from '../../services/tryout.ts'

/** A word of a POSIX shell, whatever the text holds. */
export const quoted = (text: string): string => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`)

/** Headers of a request with the type of its body: clients have types of their own for a body that has none. */
export function typedHeaders({ headers, body }: Sent): [name: string, value: string][] {
  const given = Object.entries(headers)
  const untyped = body !== undefined && !given.some(([name]) => name.toLowerCase() === 'content-type')
  return untyped ? [...given, ['content-type', 'text/plain']] : given
}

/** Command that sends a request from a POSIX shell. */
export function curlOf(origin: string, sent: Sent): string {
  const { method, path, body } = sent
  const url = origin + path
  const how = method === 'HEAD' ? ['--head'] : method === 'GET' && body === undefined ? [] : ['-X', method]
  const words = [
    // Brackets and braces in an address are patterns of curl's own.
    ...(/[[\]{}]/.test(url) ? ['--globoff'] : []),
    ...how,
    quoted(url),
  ].join(' ')
  const lines = [
    `curl ${words}`,
    // A header without a value is written with a semicolon; with a colon alone curl would leave it out.
    ...typedHeaders(sent).map(([name, value]) => `-H ${quoted(value === '' ? `${name};` : `${name}: ${value}`)}`),
    // `--data-raw` takes an @ at the beginning as it is, and reads no file.
    ...(body === undefined ? [] : [`--data-raw ${quoted(body)}`]),
  ]
  return lines.join(' \\\n  ')
}

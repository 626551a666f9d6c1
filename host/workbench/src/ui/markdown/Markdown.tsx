import type { Nodes, Parent, Root } from 'mdast'
import { fromMarkdown } from 'mdast-util-from-markdown'
import { Fragment, useMemo, type ReactNode } from 'react'
import styles from './markdown.module.css'

const CHARS_MAX = 150_000

/**
 * Text as CommonMark, without what it could reach: a link is its words and its address, an image is its words, and
 * markup stays text. A text beyond 150,000 characters is shown to there.
 */
export default function Markdown({ text }: { text: string }) {
  const root: Root = useMemo(() => fromMarkdown(text.slice(0, CHARS_MAX)), [text])
  return (
    <div className={styles.markdown}>
      {below(root)}
      {text.length > CHARS_MAX && <p className={styles.quiet}>The text goes on: as Markdown its first {CHARS_MAX.toLocaleString('en')} characters are shown.</p>}
    </div>
  )
}

const below = (node: Parent): ReactNode => node.children.map((each, at) => <Fragment key={at}>{painted(each)}</Fragment>)

type Paints = { [T in Nodes['type']]: (node: Extract<Nodes, { type: T }>) => ReactNode }

const PAINTS: Paints = {
  root: below,
  paragraph: (node) => <p>{below(node)}</p>,
  // Headings of a text are none of the page: their weight is shown, not their rank.
  heading: (node) => <p className={styles.heading} data-depth={node.depth}>{below(node)}</p>,
  list: (node) => (node.ordered === true ? <ol start={node.start ?? 1}>{below(node)}</ol> : <ul>{below(node)}</ul>),
  listItem: (node) => <li>{below(node)}</li>,
  blockquote: (node) => <blockquote>{below(node)}</blockquote>,
  code: (node) => <pre tabIndex={0}>{node.value}</pre>,
  inlineCode: (node) => <code>{node.value}</code>,
  strong: (node) => <strong>{below(node)}</strong>,
  emphasis: (node) => <em>{below(node)}</em>,
  link: (node) => <span>{below(node)} <span className={styles.quiet}>({node.url})</span></span>,
  linkReference: below,
  image: (node) => <span className={styles.quiet}>[image: {node.alt === '' ? node.url : node.alt}]</span>,
  imageReference: (node) => <span className={styles.quiet}>[image: {node.alt}]</span>,
  break: () => <br />,
  thematicBreak: () => <hr />,
  text: (node) => node.value,
  html: (node) => node.value,
  definition: () => null,
  // The rest is of dialects that are not read here.
  delete: below,
  footnoteDefinition: below,
  footnoteReference: () => null,
  table: below,
  tableRow: below,
  tableCell: below,
  yaml: () => null,
}

const painted = (node: Nodes): ReactNode => (PAINTS[node.type] as (node: Nodes) => ReactNode)(node)

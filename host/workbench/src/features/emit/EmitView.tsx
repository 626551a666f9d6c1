import { useQuery } from '@tanstack/react-query'
import { useEffect, useRef, useState, type SyntheticEvent } from 'react'
import { useActions } from '../../services/context.tsx'
import { stepsQuery } from '../../services/queries.ts'
import { Button, SearchField } from '../../ui/Controls.tsx'
import { pretty } from '../../ui/exact.ts'
import { Field } from '../../ui/Field.tsx'
import { jsonProblem } from '../../ui/JsonEditor.tsx'
import { Empty, Failed, Loading } from '../../ui/Notices.tsx'
import { Page } from '../../ui/Page.tsx'
import { EmitPanel } from './EmitPanel.tsx'
import shared from '../../ui/tryout.module.css'
import styles from './emit.module.css'
import { matches, subscriberWords, topicOf, topicsOf } from './model.ts'
import type { EmitSearch } from './search.ts'
import { drafts } from './sends.ts'

interface Props {
  search: EmitSearch
  onSearch: (change: Partial<EmitSearch>) => void
}

const SHOWN_MAX = 300

/** Topics of the project, and an event for one of them. */
export function EmitView({ search, onSearch }: Props) {
  const { data, error, isPending, refetch } = useQuery(stepsQuery())
  const field = useRef<HTMLInputElement>(null)
  const steps = data?.steps ?? []
  const topics = topicsOf(steps)
  const shown = topics.filter((each) => matches(each, search.q))
  useBrought(search, onSearch)
  const open = (topic: string): void => { onSearch({ topic, step: '', form: '' }) }
  useActions([
    { id: 'search', label: 'Search', keys: ['/'], group: 'Emit', perform: () => field.current?.focus() },
    ...(search.topic ? [{ id: 'leave', label: 'Back to the list', keys: ['Escape'], group: 'Emit', perform: () => { open('') } }] : []),
  ])
  return (
    <Page title="Emit">
      {error && !data && <Failed error={error} retry={() => void refetch()} />}
      {isPending && <Loading what="topics" />}
      {data && (
        <div className={shared.columns} data-chosen={search.topic !== ''}>
          <div className={shared.list}>
            <div className={shared.find}>
              <SearchField field={field} label="Topic, step" value={search.q} onType={(q) => { onSearch({ q }) }} />
            </div>
            <nav aria-label="Topics" className={styles.topics}>
              {shown.slice(0, SHOWN_MAX).map((each) => (
                <button key={each.topic} type="button" aria-pressed={each.topic === search.topic} onClick={() => { open(each.topic) }}>
                  <span className={styles.topic}>{each.topic}</span>
                  <span className={styles.subscribers}>{subscriberWords(each)}</span>
                </button>
              ))}
            </nav>
            {topics.length === 0 && <p className={shared.none}>No step emits or subscribes to a topic yet.</p>}
            {topics.length > 0 && shown.length === 0 && <p className={shared.none}>Nothing matches “{search.q}”.</p>}
            {shown.length > SHOWN_MAX && <p className={shared.none}>The first {SHOWN_MAX} are shown. Search for others.</p>}
            <Other onOpen={open} />
          </div>
          <div className={shared.chosen}>
            {search.topic === '' ? (
              <Empty title="Choose a topic">
                <p>The data of its event is written for you from the schema of who gets it: emit it as it is, or change it first.</p>
              </Empty>
            ) : (
              <EmitPanel key={search.topic} topic={topicOf(steps, search.topic)} search={search} onSearch={onSearch} />
            )}
          </div>
        </div>
      )}
    </Page>
  )
}

/** Take what a link brings along as the draft of its topic, once; it is sent by nobody but the reader. */
function useBrought({ topic, data }: EmitSearch, onSearch: Props['onSearch']): void {
  useEffect(() => {
    if (topic === '' || data === '') return
    drafts.set(topic, { data: readable(data), fifoKey: '' })
    onSearch({ data: '' })
  }, [topic, data, onSearch])
}

const readable = (text: string): string => (jsonProblem(text) === null ? pretty(text) : text)

/** A topic that no step names yet. */
function Other({ onOpen }: { onOpen: (topic: string) => void }) {
  const [name, setName] = useState('')
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault()
    if (name !== '') onOpen(name)
  }
  return (
    <div className={styles.other} onKeyDown={(event) => { if (event.key === 'Enter') submit(event) }}>
      <Field label="Another topic" value={name} onType={setName} />
      <Button disabled={name === ''} onClick={submit}>Open</Button>
    </div>
  )
}

import { Plus, Trash2 } from 'lucide-react'
import { Button } from '../../ui/Controls.tsx'
import type { Problem } from '../../ui/form/SchemaForm.tsx'
import { EMPTY, type Pair } from './model.ts'
import shared from '../../ui/tryout.module.css'
import styles from './endpoints.module.css'

interface Props {
  what: string
  pairs: readonly Pair[]
  /** No others than those that are declared. */
  fixed?: boolean
  problems?: readonly Problem[]
  onChange: (pairs: readonly Pair[]) => void
}

/** Parameters or headers as lines: on or off, name, value. */
export function Pairs({ what, pairs, fixed = false, problems = [], onChange }: Props) {
  const put = (at: number, change: Partial<Pair>): void => {
    onChange(pairs.map((each, index) => (index === at ? { ...each, ...change } : each)))
  }
  return (
    <div role="group" aria-label={`${what}s`}>
      {pairs.map((each, at) => {
        const wrong = problems.filter((problem) => problem.path[0] === each.name).map((problem) => problem.message)
        const label = each.name || `${what} ${at + 1}`
        return (
          <div key={at} className={styles.pair}>
            <input type="checkbox" aria-label={`Send ${label}`} checked={each.on || (fixed && each.required)} disabled={fixed && each.required} onChange={({ target }) => { put(at, { on: target.checked }) }} />
            {each.declared ? (
              <code className={styles.pairName}>{each.name}</code>
            ) : (
              <input type="text" aria-label={`Name of ${what.toLowerCase()} ${at + 1}`} placeholder="name" value={each.name} spellCheck={false} autoComplete="off" onChange={({ target }) => { put(at, { name: target.value }) }} />
            )}
            <input
              type="text"
              aria-label={`Value of ${label}`}
              placeholder="value"
              value={each.value}
              spellCheck={false}
              autoComplete="off"
              aria-invalid={each.on && wrong.length > 0}
              onChange={({ target }) => { put(at, { value: target.value, on: true }) }}
            />
            {!each.declared && (
              <Button quiet icon aria-label={`Remove ${label}`} title="Remove" onClick={() => { onChange(pairs.filter((_, index) => index !== at)) }}>
                <Trash2 size={14} aria-hidden />
              </Button>
            )}
            {each.about && <p className={shared.quiet}>{each.about}</p>}
            {each.on && wrong.map((words) => <p key={words} className={styles.wrong}>{words}</p>)}
          </div>
        )
      })}
      {!fixed && (
        <Button onClick={() => { onChange([...pairs, EMPTY]) }}>
          <Plus size={14} aria-hidden /> Add a {what.toLowerCase()}
        </Button>
      )}
    </div>
  )
}

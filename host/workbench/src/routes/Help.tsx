import { Link } from '@tanstack/react-router'
import { X } from 'lucide-react'
import { useEffect, useRef, useSyncExternalStore } from 'react'
import { keyWords, latest, type Action } from '../services/actions.ts'
import { useHealth, useServices } from '../services/context.tsx'
import { grouped } from '../services/grouped.ts'
import { healthWords } from '../services/health.ts'
import { Button } from '../ui/Controls.tsx'
import styles from './shell.module.css'

/** Sheet of the keys that work on this page, made of the registry that performs them. */
export function Help({ open, onClose }: { open: boolean; onClose: () => void }) {
  const { actions } = useServices()
  const all = useSyncExternalStore(actions.subscribe, actions.list)
  const health = useHealth()
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    if (open) dialog.current?.showModal()
    else dialog.current?.close()
  }, [open])
  const letters = useSyncExternalStore(actions.subscribe, actions.letters)
  const groups = grouped(latest(all).filter((each) => each.keys.length > 0), (each: Action) => each.group)
  return (
    <dialog ref={dialog} className={styles.help} aria-labelledby="help-title" onClose={onClose}>
      <div className={styles.helpHead}>
        <h2 id="help-title">Keys</h2>
        <Button quiet icon aria-label="Close" title="Close (Esc)" onClick={onClose}>
          <X size={16} aria-hidden />
        </Button>
      </div>
      {health && <p className={styles.health}>{healthWords(health)}</p>}
      <p>
        <Link to="/start" search={{}} onClick={onClose}>First steps</Link>
      </p>
      <label className={styles.letters}>
        <input
          type="checkbox"
          checked={letters}
          onChange={(event) => {
            actions.switchLetters(event.target.checked)
          }}
        />
        Keys of a single letter or sign work
      </label>
      {[...groups].map(([group, members]) => (
        <section key={group}>
          <h3>{group}</h3>
          <ul>
            {members.map((each) => (
              <li key={each.id}>
                {each.label}
                <kbd>{keyWords(each.keys)}</kbd>
              </li>
            ))}
          </ul>
        </section>
      ))}
    </dialog>
  )
}

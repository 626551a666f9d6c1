import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { flowDoor, streamDoor } from '../../services/addresses.ts'
import { sourceQuery } from '../../services/queries.ts'
import type { Step, Steps } from '../../services/shapes.ts'
import { useAct } from '../../services/useAct.ts'
import { Button } from '../../ui/Controls.tsx'
import { Copy } from '../../ui/Copy.tsx'
import { FailureView } from '../../ui/FailureView.tsx'
import { Json } from '../../ui/Json.tsx'
import { Failed, Loading } from '../../ui/Notices.tsx'
import { NotedSource } from '../../ui/NotedSource.tsx'
import { languageWords } from '../../ui/names.ts'
import { Panel } from '../../ui/Panel.tsx'
import { Section } from '../../ui/Section.tsx'
import { configOf, idOf, schemasOf, startWords, typeWords } from './model.ts'
import styles from './steps.module.css'

/** One step: where it lies, what is wrong with it, its source, its schemas and its config. */
export function StepPanel({ step, found, onClose }: { step: Step; found: Steps; onClose: () => void }) {
  const about = found.findings.filter((each) => each.file === step.file).map((each) => each.message)
  const words = [...new Set([...(step.warnings ?? []), ...about])]
  const config = configOf(step)
  const runs = step.type !== null && step.type !== 'stream'
  return (
    <Panel
      title={step.name}
      about={
        <>
          <span>{[step.type === null ? '' : typeWords(step), languageWords(step.language)].filter(Boolean).join(' · ')}</span>
          {startWords(step) && <code>{startWords(step)}</code>}
          <span className={styles.path}>
            <code>{step.file}</code>
            <Copy text={step.file} what="path" />
          </span>
        </>
      }
      doors={<Doors step={step} runs={runs} />}
      onClose={onClose}
    >
      {step.description && <p className={styles.description}>{step.description}</p>}
      {step.error && <Broken error={step.error} />}
      {words.length > 0 && (
        <Section title="To look at">
          <ul className={styles.words}>
            {words.map((each) => (
              <li key={each}>{each}</li>
            ))}
          </ul>
        </Section>
      )}
      {runs && <Source step={step.name} />}
      {schemasOf(step).map(({ title, schema }) => (
        <Section key={title} title={title} action={<Copy text={JSON.stringify(schema, null, 2)} what="schema" />}>
          <Json value={schema} label={title} />
        </Section>
      ))}
      {Object.keys(config).length > 0 && (
        <Section title="Config" action={<Copy text={JSON.stringify(config, null, 2)} what="config" />}>
          <Json value={config} label="Config" />
        </Section>
      )}
    </Panel>
  )
}

/** Ways on from a step: into the editor, to what it did, to what waits for it. */
function Doors({ step, runs }: { step: Step; runs: boolean }) {
  const editor = useAct('open_in_editor')
  const topics = step.subscribes ?? []
  const failure = editor.error && [editor.error.message, editor.error.hint].filter(Boolean).join('. ')
  return (
    <>
      <Button disabled={editor.isPending} onClick={() => { editor.mutate({ step: idOf(step) }) }}>
        Open in editor
      </Button>
      {step.type === 'api' && step.error === null && (
        <Link to="/endpoints" search={{ step: step.name }}>
          Try it
        </Link>
      )}
      {step.type === 'event' && step.error === null && topics.map((topic) => (
        <Link key={topic} to="/emit" search={{ topic }}>
          {topics.length === 1 ? 'Emit to this' : `Emit ${topic}`}
        </Link>
      ))}
      {(step.flows ?? []).map((flow) => (
        <Link key={flow} {...flowDoor(flow, { step: step.name })}>
          Flow {flow}
        </Link>
      ))}
      {runs && (
        <>
          <Link to="/traces" search={{ step: step.name }}>
            Traces with this step
          </Link>
          <Link to="/logs" search={{ step: step.name }}>
            Logs
          </Link>
        </>
      )}
      {(step.type === 'event' || step.type === 'cron') && (
        <Link to="/dead-letters" search={{ step: step.name }}>
          Dead letters
        </Link>
      )}
      {step.type === 'cron' && (
        <Link to="/cron" search={{ step: step.name }}>
          Times and ticks
        </Link>
      )}
      {step.type === 'stream' && step.error === null && (
        <Link {...streamDoor(step.name)}>
          Items
        </Link>
      )}
      <span role="status">{editor.data ? `Opened in ${editor.data.editor}` : failure}</span>
    </>
  )
}

/** Reason why a file does not load: the first line says it, the rest is the code around. */
function Broken({ error }: { error: string }) {
  const [message = '', ...rest] = error.split('\n')
  return <FailureView failure={{ name: '', message, frame: rest.join('\n'), stack: '', place: null }} />
}

/** Text of the step's file, with line numbers. */
function Source({ step }: { step: string }) {
  const { data, error } = useQuery(sourceQuery(step))
  if (error) return <Failed error={error} />
  if (!data) return <Loading what="the source" />
  return (
    <Section title="Source" action={<Copy text={data.text} what="source" />}>
      <NotedSource source={data} />
      {data.cut && <p className={styles.quiet}>Cut here: the file is larger.</p>}
    </Section>
  )
}

import { Plus, Trash2 } from 'lucide-react'
import { useId, type ReactNode } from 'react'
import { parseExact, pretty, writeExact } from '../exact.ts'
import { Button } from '../Controls.tsx'
import { Choice, JsonPart, NumberField, TextField, Truth, type FieldProps } from './fields.tsx'
import { nameWords } from '../names.ts'
import styles from './form.module.css'
import { sampleOf } from './sample.ts'
import { isNumber, isRecord, resolved, shapeOf, typeWords, variantOf, type Member, type Part, type Shape } from './schema.ts'

/** What is wrong at a place of the value. */
export interface Problem {
  path: readonly (string | number)[]
  message: string
}

interface Props {
  label: string
  part: Part
  /** JSON text: the form is another face of it, and keeps what it has no field for. */
  text: string
  problems: readonly Problem[]
  onChange: (text: string) => void
}

/** Form for a JSON value, made of its schema. */
export function SchemaForm({ label, part, text, problems, onChange }: Props) {
  let value: unknown
  try {
    value = parseExact(text)
  } catch {
    return <p className={styles.quiet}>The JSON cannot be read. Correct it there, and the form is back.</p>
  }
  return (
    <div role="group" aria-label={label} className={styles.form}>
      <Node part={part} value={value} path={[]} problems={problems} name="" onChange={(next) => { onChange(pretty(writeExact(next))) }} />
    </div>
  )
}

interface NodeProps {
  part: Part
  value: unknown
  path: readonly (string | number)[]
  problems: readonly Problem[]
  name: string
  onChange: (value: unknown) => void
}

/** One place of the value: the field of its schema, or JSON where the value is of another kind. */
function Node(props: NodeProps) {
  const { part, value, path, problems, name, onChange } = props
  const id = useId()
  const shape = shapeOf(part)
  const here = problems.filter((each) => samePath(each.path, path)).map((each) => each.message)
  const field: FieldProps = { id, name: name || 'Value', value, invalid: here.length > 0, about: `${id}-about`, onChange }
  const isGroup = shape.kind === 'object' || shape.kind === 'array' || shape.kind === 'union'
  const body = fieldOf(props, shape, field)
  return (
    <>
      {!isGroup && name === '' && <label htmlFor={id} className={styles.name}>Value <Type part={part} /></label>}
      {body}
      <div id={`${id}-about`}>
        <Description part={part} />
        {here.map((each) => <p key={each} className={styles.problem}>{each}</p>)}
      </div>
    </>
  )
}

function fieldOf(props: NodeProps, shape: Shape, field: FieldProps): ReactNode {
  const { value } = props
  switch (shape.kind) {
    case 'object':
      return isRecord(value) ? <ObjectFields {...props} value={value} members={shape.members} others={shape.others} /> : <JsonPart {...field} wrong="object" />
    case 'array':
      return Array.isArray(value) ? <Elements {...props} value={value as unknown[]} item={shape.item} /> : <JsonPart {...field} wrong="list" />
    case 'union':
      return <Union {...props} variants={shape.variants} />
    case 'choice':
      return <Choice {...field} values={shape.values} />
    case 'text':
      return typeof value === 'string' ? <TextField {...field} text={value} /> : <JsonPart {...field} wrong="text" />
    case 'number':
      return isNumber(value) || typeof value === 'string' ? <NumberField {...field} /> : <JsonPart {...field} wrong="number" />
    case 'truth':
      return typeof value === 'boolean' ? <Truth {...field} /> : <JsonPart {...field} wrong="true or false" />
    case 'nothing':
      return value === null ? <code>null</code> : <JsonPart {...field} wrong="null" />
    case 'json':
      return <JsonPart {...field} />
  }
}

const samePath = (a: readonly (string | number)[], b: readonly (string | number)[]): boolean =>
  a.length === b.length && a.every((each, index) => each === b[index])

const Type = ({ part }: { part: Part }) => <span className={styles.type}>{typeWords(part)}</span>

function Description({ part }: { part: Part }) {
  const { description } = resolved(part)
  return typeof description === 'string' ? <p className={styles.quiet}>{description}</p> : null
}

interface ObjectProps extends NodeProps {
  value: Record<string, unknown>
  members: readonly Member[]
  others: Part | null
}

function ObjectFields({ value, members, others, path, problems, name, onChange }: ObjectProps) {
  const known = new Set(members.map((each) => each.name))
  const extra = Object.keys(value).filter((each) => !known.has(each))
  const put = (key: string, next: unknown): void => { onChange(withMember(value, key, next)) }
  const row = (key: string, part: Part, required: boolean, place: string | number, onRename?: (name: string) => void): ReactNode => (
    <MemberRow key={place} name={key} part={part} required={required} on={Object.hasOwn(value, key)} onRename={onRename} onSwitch={(on) => { put(key, on ? sampleOf(part, key) : undefined) }}>
      <Node part={part} value={value[key]} path={[...path, key]} problems={problems} name={key} onChange={(next) => { put(key, next) }} />
    </MemberRow>
  )
  return (
    <div className={path.length > 0 ? styles.nested : undefined}>
      {members.map((each) => row(each.name, each.part, each.required, each.name))}
      {extra.map((each, index) => row(each, others ?? ANY, false, index, (name) => {
        if (!Object.hasOwn(value, name)) onChange(Object.fromEntries(Object.entries(value).map(([old, own]) => [old === each ? name : old, own])))
      }))}
      {others && <Button onClick={() => { put(freeName(value), sampleOf(others)) }}><Plus size={14} aria-hidden /> Add to {name || 'the value'}</Button>}
    </div>
  )
}

const ANY: Part = { schema: {}, root: {} }

function withMember(value: Record<string, unknown>, key: string, next: unknown): Record<string, unknown> {
  const entries = Object.entries(value)
  const found = entries.some(([name]) => name === key)
  const changed = found ? entries.map(([name, each]): [string, unknown] => [name, name === key ? next : each]) : [...entries, [key, next] as [string, unknown]]
  return Object.fromEntries(changed.filter(([, each]) => each !== undefined))
}

function freeName(value: Record<string, unknown>): string {
  for (let count = Object.keys(value).length + 1; ; count++) if (!Object.hasOwn(value, `key${count}`)) return `key${count}`
}

interface RowProps {
  name: string
  part: Part
  required: boolean
  on: boolean
  onSwitch: (on: boolean) => void
  onRename: ((name: string) => void) | undefined
  children: ReactNode
}

/** Name of a member with its type; one that may be left out has a switch, one that the schema does not name another name. */
function MemberRow({ name, part, required, on, onSwitch, onRename, children }: RowProps) {
  return (
    <div role="group" aria-label={nameWords(name)} className={styles.member}>
      <div className={styles.head}>
        {required && on ? (
          <span className={styles.name}>{nameWords(name)}</span>
        ) : (
          <label className={styles.name}>
            <input type="checkbox" checked={on} onChange={(event) => { onSwitch(event.target.checked) }} /> {nameWords(name)}
          </label>
        )}
        {onRename && <input type="text" className={styles.key} aria-label={`Name of ${name}`} value={name} onChange={({ target }) => { onRename(target.value) }} />}
        <Type part={part} />
        {!required && <span className={styles.type}>may be left out</span>}
      </div>
      {on && children}
      {!on && required && <p className={styles.problem}>is required</p>}
    </div>
  )
}

function Elements({ value, item, path, problems, name, onChange }: NodeProps & { value: unknown[]; item: Part }) {
  return (
    <div className={styles.nested}>
      {value.map((each, index) => (
        <div key={index} role="group" aria-label={`${name} ${index + 1}`} className={styles.element}>
          <div className={styles.grow}>
            <Node part={item} value={each} path={[...path, index]} problems={problems} name={`${name} ${index + 1}`} onChange={(next) => { onChange(value.map((old, at) => (at === index ? next : old))) }} />
          </div>
          <Button quiet icon aria-label={`Remove ${name} ${index + 1}`} title="Remove" onClick={() => { onChange(value.filter((_, at) => at !== index)) }}>
            <Trash2 size={14} aria-hidden />
          </Button>
        </div>
      ))}
      <Button onClick={() => { onChange([...value, sampleOf(item, name)]) }}>
        <Plus size={14} aria-hidden /> Add to {name || 'the list'}
      </Button>
    </div>
  )
}

function Union({ variants, ...node }: NodeProps & { variants: readonly { words: string; part: Part }[] }) {
  const chosen = variantOf(variants, node.value)
  const part = variants[chosen]?.part ?? ANY
  return (
    <div className={styles.union}>
      <select
        aria-label={`Kind of ${node.name || 'the value'}`}
        value={chosen}
        onChange={(event) => {
          const next = variants[Number(event.target.value)]
          if (next) node.onChange(sampleOf(next.part, node.name))
        }}
      >
        {variants.map((each, index) => <option key={index} value={index}>{each.words}</option>)}
      </select>
      <Node {...node} part={part} name={node.name || 'Value'} problems={node.problems} />
    </div>
  )
}

export interface EmitSearch {
  topic: string
  /** Only this subscriber gets the event. */
  step: string
  /** Subscriber whose schema makes the form. */
  form: string
  as: 'form' | 'json'
  q: string
}

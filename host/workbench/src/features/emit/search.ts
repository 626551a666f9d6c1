export interface EmitSearch {
  topic: string
  /** Only this subscriber gets the event. */
  step: string
  /** Subscriber whose schema makes the form. */
  form: string
  as: 'form' | 'json'
  q: string
  /** Data of a new event as JSON text, which a link brings along. */
  data: string
}

export interface FlowSearch {
  step: string
  trace: string
  q: string
  view: '' | 'table'
}

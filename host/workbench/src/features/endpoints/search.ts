export const TABS = ['body', 'parameters', 'headers', 'schemas'] as const
export type Tab = (typeof TABS)[number]

export interface EndpointsSearch {
  step: string
  tab: Tab
  as: 'form' | 'json'
  q: string
}

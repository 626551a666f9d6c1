import { createContext, use, useEffect, useRef, useSyncExternalStore } from 'react'
import { Actions, type Action } from './actions.ts'
import type { Connection } from './connection.ts'
import type { Health, Session } from './http.ts'
import type { Live } from './live.ts'

export interface Services {
  live: Live
  actions: Actions
}

export const ServicesContext = createContext<Services | null>(null)

export function useServices(): Services {
  const found = use(ServicesContext)
  if (found === null) throw new Error('No services around this component')
  return found
}

export function useConnection(): Connection {
  const { live } = useServices()
  return useSyncExternalStore(live.subscribe, live.state)
}

export function useHealth(): Health | null {
  const { live } = useServices()
  return useSyncExternalStore(live.subscribe, live.health)
}

export function useSession(): Session | null {
  const { live } = useServices()
  return useSyncExternalStore(live.subscribe, live.session)
}

/** Offer actions by key while a component is on screen; what they do may change with every render. */
export function useActions(actions: readonly Action[]): void {
  const { actions: registry } = useServices()
  const latest = useRef(actions)
  useEffect(() => {
    latest.current = actions
  })
  const names = actions.map((each) => `${each.id} ${each.label} ${each.keys.join(' ')}`).join('\n')
  useEffect(
    () =>
      registry.register(
        latest.current.map((each) => ({
          ...each,
          perform: () => {
            latest.current.find((now) => now.id === each.id)?.perform()
          },
        })),
      ),
    [registry, names],
  )
}

import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from '@tanstack/react-router'
import { NotFound } from './routes/NotFound.tsx'
import { Shell } from './routes/Shell.tsx'
import { Flows, OneFlow } from './routes/flows.tsx'
import { Home } from './routes/home.tsx'
import { Logs } from './routes/logs.tsx'
import { OneTrace, Traces } from './routes/traces.tsx'
import { wholeName } from './services/addresses.ts'
import { parseSearch, writeSearch, type Search } from './services/search.ts'

/** The query of a page is plain texts; each page reads of them what it knows. */
const validateSearch = (search: Record<string, unknown>): Search => search as Search

/** Pages that are not opened at first are loaded when they are. */
const tryout = () => import('./routes/tryout.tsx')
const work = () => import('./routes/work.tsx')
const state = () => import('./routes/state.tsx')
const streams = () => import('./routes/streams.tsx')

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound })
const getParentRoute = () => root

const tree = root.addChildren([
  createRoute({ getParentRoute, path: '/flows', component: Flows, validateSearch }),
  createRoute({ getParentRoute, path: '/flows/$flow', component: OneFlow, validateSearch }),
  createRoute({ getParentRoute, path: '/', component: Home, validateSearch }),
  createRoute({ getParentRoute, path: '/start', component: lazyRouteComponent(() => import('./routes/start.tsx'), 'Start'), validateSearch }),
  createRoute({ getParentRoute, path: '/traces', component: Traces, validateSearch }),
  createRoute({ getParentRoute, path: '/traces/$id', component: OneTrace, validateSearch }),
  createRoute({ getParentRoute, path: '/compare/$a/$b', component: lazyRouteComponent(() => import('./routes/compare.tsx'), 'Compare'), validateSearch }),
  createRoute({ getParentRoute, path: '/logs', component: Logs, validateSearch }),
  createRoute({ getParentRoute, path: '/charts', component: lazyRouteComponent(() => import('./routes/charts.tsx'), 'Charts'), validateSearch }),
  createRoute({ getParentRoute, path: '/endpoints', component: lazyRouteComponent(tryout, 'Endpoints'), validateSearch }),
  createRoute({ getParentRoute, path: '/emit', component: lazyRouteComponent(tryout, 'Emit'), validateSearch }),
  createRoute({ getParentRoute, path: '/asks', component: lazyRouteComponent(() => import('./routes/asks.tsx'), 'Asks'), validateSearch }),
  createRoute({ getParentRoute, path: '/queues', component: lazyRouteComponent(work, 'Queues'), validateSearch }),
  createRoute({ getParentRoute, path: '/dead-letters', component: lazyRouteComponent(work, 'Letters'), validateSearch }),
  createRoute({ getParentRoute, path: '/cron', component: lazyRouteComponent(work, 'Cron'), validateSearch }),
  createRoute({ getParentRoute, path: '/state', component: lazyRouteComponent(state, 'State'), validateSearch }),
  createRoute({ getParentRoute, path: '/state/$group', component: lazyRouteComponent(state, 'State'), validateSearch }),
  createRoute({ getParentRoute, path: '/streams', component: lazyRouteComponent(streams, 'Streams'), validateSearch }),
  createRoute({ getParentRoute, path: '/streams/$stream', component: lazyRouteComponent(streams, 'OneStream'), validateSearch }),
  createRoute({ getParentRoute, path: '/steps', component: lazyRouteComponent(() => import('./routes/steps.tsx'), 'Steps'), validateSearch }),
])

export function makeRouter() {
  return createRouter({
    routeTree: tree,
    basepath: '/__polystep',
    parseSearch: (text) => parseSearch(text),
    stringifySearch: (search) => writeSearch(search),
    defaultNotFoundComponent: NotFound,
    rewrite: {
      input: ({ url }) => {
        url.pathname = wholeName(url.pathname)
        return url
      },
    },
  })
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof makeRouter>
  }
}

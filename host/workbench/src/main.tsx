import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { makeRouter } from './router.tsx'
import { Actions } from './services/actions.ts'
import { ServicesContext } from './services/context.tsx'
import { RequestFailed } from './services/http.ts'
import { Live } from './services/live.ts'
import './ui/tokens.css'
import './ui/base.css'

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: Number.POSITIVE_INFINITY,
      gcTime: 60_000,
      refetchOnWindowFocus: false,
      // A host that says no has said it; one that is silent is asked again by `Live`.
      retry: (count, error) => error instanceof RequestFailed && error.status >= 500 && count < 2,
    },
  },
})
const services = { live: new Live(queries), actions: new Actions() }
services.live.start()

const root = document.getElementById('root')
if (root !== null) {
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={queries}>
        <ServicesContext value={services}>
          <RouterProvider router={makeRouter()} />
        </ServicesContext>
      </QueryClientProvider>
    </StrictMode>,
  )
}

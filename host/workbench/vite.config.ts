import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'
import { shippedLicences } from './shipped.ts'

// The pages lie at /__polystep/<page>, their files below /__polystep/app/. The content policy of the host allows its own
// origin alone: nothing is inlined as `data:` or `blob:`, and no script is written into a page.
const licences = shippedLicences()

export default defineConfig({
  base: '/__polystep/app/',
  plugins: [react(), licences.pages()],
  worker: { format: 'es', plugins: () => [licences.workers()] },
  build: {
    outDir: 'dist',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: 'es2022',
    manifest: 'manifest.json',
    reportCompressedSize: false,
    rolldownOptions: { checks: { bundlerTimings: false } },
  },
})

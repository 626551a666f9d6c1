import { defineConfig } from 'eslint/config'
import tseslint from 'typescript-eslint'

export default defineConfig(
  { ignores: ['**/node_modules/**', '**/dist/**', '.venv/**', '.polystep/**'] },
  {
    files: ['bridges/node/src/**/*.ts', 'tests/contract/verdicts/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      // A promise that nobody awaits is an error that nobody sees.
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      // Numbers read well inside a message.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // `_name` says that a parameter is there for its position.
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      'no-console': 'error',
      'max-lines': ['error', 500],
      'max-lines-per-function': ['error', 70],
      complexity: ['error', 10],
    },
  },
  {
    // node:test returns promises that its runner awaits; a `describe` block is as long as its tests.
    files: ['bridges/node/src/**/*.test.ts'],
    rules: {
      '@typescript-eslint/no-floating-promises': [
        'error',
        { allowForKnownSafeCalls: [{ from: 'package', name: ['it', 'test', 'describe', 'suite'], package: 'node:test' }] },
      ],
      'max-lines': ['error', 800],
      'max-lines-per-function': 'off',
    },
  },
)

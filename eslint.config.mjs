import { defineConfig } from 'eslint/config'
import reactHooks from 'eslint-plugin-react-hooks'
import tseslint from 'typescript-eslint'
import { importCircles } from './bridges/node/import-circles.mjs'

/** Imports of the Workbench run one way: routes → features → services → ui. */
const FORBIDDEN = {
  features: ['routes'],
  services: ['routes', 'features', 'ui'],
  ui: ['routes', 'features', 'services', 'api'],
  api: ['routes', 'features', 'services', 'ui'],
}
const workbenchLayers = Object.entries(FORBIDDEN).map(([layer, names]) => ({
  files: [`host/workbench/src/${layer}/**/*.{ts,tsx}`],
  ignores: ['**/*.test.*'],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          { regex: `^(\\.\\./)+(${names.join('|')})/`, message: 'Imports run routes → features → services → ui.' },
          // From a feature, one step up is another feature.
          ...(layer === 'features'
            ? [{ regex: '^\\.\\./(?!\\.\\./)', message: 'Features never import each other: they meet in a route or a link.' }]
            : []),
        ],
      },
    ],
  },
}))

export default defineConfig(
  { ignores: ['**/node_modules/**', '**/dist/**', '.venv/**', '.polystep/**', 'host/workbench/src/api/**'] },
  {
    files: ['bridges/node/src/**/*.ts', 'tests/contract/verdicts/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    plugins: { polystep: { rules: { 'import-circles': importCircles } } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      'polystep/import-circles': 'error',
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
    files: ['host/workbench/**/*.{ts,tsx}'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    plugins: { polystep: { rules: { 'import-circles': importCircles } }, 'react-hooks': reactHooks },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    languageOptions: {
      parserOptions: { project: 'host/workbench/tsconfig.json', tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      'polystep/import-circles': 'error',
      'react-hooks/rules-of-hooks': 'error',
      'react-hooks/exhaustive-deps': 'error',
      '@typescript-eslint/consistent-type-definitions': 'off', // the generated file has types
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      'no-restricted-syntax': [
        'error',
        { selector: "JSXAttribute[name.name='dangerouslySetInnerHTML']", message: 'What a page shows is text.' },
        { selector: 'Literal[value=/#[0-9a-f]{3,8}$/i]', message: 'Colours are in ui/tokens.css.' },
      ],
      'no-console': 'error',
      'max-lines': ['error', 300],
      'max-lines-per-function': ['error', 200],
      complexity: ['error', 20],
    },
  },
  ...workbenchLayers,
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

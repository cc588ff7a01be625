/**
 * Lint rules of the whole workspace. Only what concerns promises uses type information: numbers are
 * read asynchronously, and a forgotten `await` is the mistake that neither the compiler nor a
 * passing test shows. The rest is syntax, so that a project lints in a few seconds.
 */
import nx from '@nx/eslint-plugin';
import tseslint from 'typescript-eslint';
import { boundaries, boundariesOfSpecs } from './tools/boundaries.js';

const noDoubleAssertion = {
  selector: 'TSAsExpression > TSAsExpression[typeAnnotation.type="TSUnknownKeyword"]',
  message: 'A cast through unknown hides a wrong type: narrow it, or say it in the signature.',
};
const noDefaultExport = {
  selector: 'ExportDefaultDeclaration',
  message: 'Export by name: a default export gets a different name in every file.',
};

export default tseslint.config(
  {
    ignores: [
      '**/dist/**',
      '**/out-tsc/**',
      '**/coverage/**',
      '**/generated/**',
      '**/.wrangler/**',
      // What the demo and `hebb compile` write.
      'apps/*/model/**',
      'apps/*/out/**',
      'tools/plugin/files/**',
    ],
  },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: ['**/*.ts', '**/*.js', '**/*.mjs'],
    extends: [tseslint.configs.recommended],
    plugins: { '@nx': nx },
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true },
      ],
      '@typescript-eslint/ban-ts-comment': [
        'error',
        { 'ts-expect-error': 'allow-with-description' },
      ],
      '@nx/enforce-module-boundaries': ['error', boundaries],
      'no-restricted-syntax': ['error', noDoubleAssertion, noDefaultExport],
      'max-lines': ['warn', { max: 500, skipBlankLines: true, skipComments: true }],
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-var': 'error',
      'prefer-const': 'error',
    },
  },
  {
    files: ['**/*.ts'],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: false }],
    },
  },
  {
    // Libraries are silent but for warnings: the command line, the apps and the tools talk to people.
    files: ['packages/*/src/**/*.ts', 'plugins/*/src/**/*.ts'],
    ignores: ['packages/cli/**', '**/*.spec.ts'],
    rules: { 'no-console': ['error', { allow: ['warn'] }] },
  },
  {
    files: ['**/*.spec.ts', '**/test/**/*.ts'],
    rules: {
      '@nx/enforce-module-boundaries': ['error', boundariesOfSpecs],
      'max-lines': 'off',
    },
  },
  {
    // Configuration files and the worker's entry are read through their default export.
    files: [
      '**/*.config.js',
      '*.js',
      'tools/**/*.js',
      'apps/*/src/**/*.{js,ts}',
      '**/test/global-*.ts',
    ],
    rules: { 'no-restricted-syntax': ['error', noDoubleAssertion] },
  },
);

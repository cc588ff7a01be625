/**
 * What every project's jest.config.js spreads. Sources run as native ES modules (the form in which
 * they are published), stripped of types by SWC; workspace packages resolve to their sources
 * through the `@hebb/source` condition, so no build is needed before a test.
 */
import { fileURLToPath } from 'node:url';

const swc = {
  swcrc: false,
  sourceMaps: 'inline',
  module: { type: 'es6' },
  jsc: {
    // Lowers `using`, which Node 20 cannot parse; everything else passes as it stands.
    target: 'es2023',
    parser: { syntax: 'typescript' },
    keepClassNames: true,
    // Jest wants `with { type: 'json' }` where a JSON file is imported.
    experimental: { keepImportAttributes: true },
  },
};

/**
 * How long a test may take, in milliseconds: only to end one that hangs. Far above what any takes, so
 * that a slow or busy machine fails none. The few that take minutes say their own.
 */
export const testTimeout = 180_000;

/** @param {string} displayName @param {import('jest').Config} [more] */
export const preset = (displayName, more = {}) => ({
  displayName,
  testEnvironment: 'node',
  testTimeout,
  setupFiles: [fileURLToPath(import.meta.resolve('./tools/jest-fetch.js'))],
  testEnvironmentOptions: { customExportConditions: ['@hebb/source', 'node', 'node-addons'] },
  testMatch: ['<rootDir>/src/**/*.spec.ts', '<rootDir>/test/**/*.spec.ts'],
  moduleFileExtensions: ['ts', 'js', 'mjs', 'cjs', 'json', 'node'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [fileURLToPath(import.meta.resolve('@swc/jest')), swc],
  },
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/out-tsc/'],
  ...more,
});

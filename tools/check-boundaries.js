/**
 * Proves that the lint rules refuse what the architecture forbids: lints one-line files that import
 * across the borders, without writing them. Needs Nx's project graph: run it through
 * `npm run check`, which makes one first.
 */
import { ESLint } from 'eslint';

/** [file that imports, what it imports, whether that is allowed] */
const cases = [
  ['packages/core/src/x.ts', '@hebb/ops', false],
  ['packages/core/src/x.ts', 'protobufjs', false],
  ['packages/core/src/x.ts', '@hebb/backend-cpu', false],
  ['packages/core/src/x.spec.ts', '@hebb/backend-cpu', true],
  ['packages/core/src/x.spec.ts', '@hebb/conformance', true],
  ['packages/core/test/x.spec.ts', '@hebb/layers-cnn', false],
  ['packages/ops/src/x.ts', '@hebb/core', true],
  ['packages/ops/src/x.ts', '@hebb/nn', false],
  ['packages/nn/src/x.ts', '@hebb/ops', true],
  ['packages/nn/src/x.ts', '@hebb/train', false],
  ['packages/nn/src/x.ts', '@hebb/layers-cnn', false],
  ['packages/train/src/x.ts', '@hebb/nn', true],
  ['packages/train/src/x.ts', '@hebb/data', false],
  ['packages/data/src/x.ts', '@hebb/nn', false],
  ['packages/onnx/src/x.ts', 'protobufjs/minimal', true],
  ['packages/onnx/src/x.ts', '@hebb/layers-cnn', false],
  ['packages/onnx/src/x.ts', '@hebb/edge', false],
  ['packages/edge/src/x.ts', '@hebb/onnx', true],
  ['packages/edge/src/x.ts', '@hebb/backend-cpu', false],
  ['packages/conformance/src/x.ts', '@hebb/ops', true],
  ['packages/conformance/src/x.ts', '@hebb/backend-cpu', false],
  ['packages/cli/src/x.ts', '@hebb/backend-cpu', true],
  ['packages/cli/src/x.ts', '@hebb/edge-worker', false],
  ['plugins/backend-cpu/src/x.ts', '@hebb/core', true],
  ['plugins/backend-cpu/src/x.ts', '@hebb/ops', false],
  ['plugins/backend-cpu/src/x.ts', '@hebb/layers-cnn', false],
  ['plugins/backend-cpu/src/x.spec.ts', '@hebb/conformance', true],
  ['plugins/layers-cnn/src/x.ts', '@hebb/nn', true],
  ['plugins/layers-cnn/src/x.ts', '@hebb/train', false],
  ['plugins/layers-cnn/src/x.ts', '@hebb/backend-cpu', false],
  ['plugins/layers-cnn/src/x.ts', '../../backend-cpu/src/index.ts', false],
  ['plugins/layers-cnn/src/x.spec.ts', '@hebb/backend-cpu', true],
  ['apps/examples/digits/x.ts', '@hebb/layers-cnn', true],
  ['apps/examples/digits/x.ts', '@hebb/edge-worker', false],
];

// Files that are not there have no types: the rules that need them stay out.
const eslint = new ESLint({
  overrideConfig: {
    files: ['**/*.ts'],
    languageOptions: { parserOptions: { projectService: false } },
    rules: Object.fromEntries(
      ['await-thenable', 'no-floating-promises', 'no-misused-promises'].map((rule) => [
        `@typescript-eslint/${rule}`,
        'off',
      ]),
    ),
  },
});
let failed = 0;
for (const [filePath, target, allowed] of cases) {
  const code = `import * as x from '${target}';\n\nexport const y = x;\n`;
  const [result] = await eslint.lintText(code, { filePath });
  const complaints = result.messages.filter((m) => m.ruleId === '@nx/enforce-module-boundaries');
  const other = result.messages.filter((m) => m.ruleId !== '@nx/enforce-module-boundaries');
  if (other.length || (complaints.length === 0) !== allowed) {
    failed++;
    const got = [...complaints, ...other].map((m) => m.message).join('; ') || 'nothing';
    console.error(
      `${filePath} importing ${target}: wanted ${allowed ? 'no' : 'a'} complaint, got ${got}`,
    );
  }
}
console.log(`boundaries: ${cases.length - failed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;

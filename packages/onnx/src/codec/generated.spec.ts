import { readFileSync } from 'node:fs';
import { generate, OUTPUT } from '../../scripts/generate.ts';

it('the committed code is what the schema generates (else: npm run generate)', async () => {
  expect(readFileSync(OUTPUT, 'utf8') === (await generate())).toBe(true);
});

it('evaluates nothing at run time, as workers require', () => {
  expect(readFileSync(OUTPUT, 'utf8')).not.toMatch(/\beval\b|\bnew Function\b|Function\(/);
});

import { UsageError, between, helpText, integer, parseOptions } from './options.ts';

const own = {
  lr: { type: 'string', default: '0.1', help: 'learning rate' },
  plain: { type: 'boolean', help: 'no augmentation' },
} as const;

it('own switches beside the common ones', () => {
  expect(parseOptions(['--quick', '--plain', '--seed', '3', '--no-worker'], own)).toEqual({
    quick: true,
    backend: 'wasm',
    threads: 2,
    seed: 3,
    worker: false,
    own: { lr: '0.1', plain: true },
  });
  expect(parseOptions(['--help'], own)).toBeUndefined();
  expect(helpText('iris', 'Tells flowers apart', own)).toMatch(/--lr VALUE +learning rate\n/);
});

it.each<[string, () => unknown, RegExp]>([
  ['unknown switch', () => parseOptions(['--fast']), /--fast/],
  ['backend', () => parseOptions(['--backend', 'gpu']), /--backend wants wasm or cpu, got "gpu"/],
  ['seed', () => parseOptions(['--seed', 'x']), /--seed wants an integer of at least 0, got "x"/],
  ['threads', () => parseOptions(['--threads', '0']), /--threads wants an integer of at least 1/],
  ['integer', () => integer('epochs', '1.5', 1), /--epochs wants an integer/],
  ['empty', () => between('lr', '', 0, Infinity), /--lr wants a number above 0, got ""/],
  ['bounds', () => between('score', '1', 0, 1), /--score wants a number between 0 and 1, got "1"/],
])('%s is refused', (_, act, message) => {
  expect(act).toThrow(UsageError);
  expect(act).toThrow(message);
});

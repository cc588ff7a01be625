import { quickRun } from '../common/quick.ts';
import { vit } from './vit.ts';

it('learns digits from patches in a minute, beside convolutions, and agrees elsewhere', () =>
  quickRun(vit, ['--no-worker'], ({ result, value }) => {
    expect(result.failures).toEqual([]);
    expect(value(/vision transformer/)).toBeGreaterThan(75);
    expect(value(/convolutional/)).toBeGreaterThan(85);
  }));

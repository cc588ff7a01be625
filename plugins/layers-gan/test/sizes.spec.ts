/** Networks of the published sizes, built but never computed. */
import type { Module } from '@hebb/nn';
import {
  DcganDiscriminator,
  DcganGenerator,
  PatchDiscriminator,
  UnetGenerator,
} from '../src/index.ts';

const count = (model: Module): number => model.parameters().reduce((n, p) => n + p.value.size, 0);

describe('DCGAN', () => {
  it('has the layout and size of PyTorch’s example', () => {
    const g = new DcganGenerator();
    const d = new DcganDiscriminator();
    expect([count(g), count(d)]).toEqual([3_576_704, 2_765_568]);
    expect([...g.namedParameters()].map(([name, { shape }]) => [name, shape]).slice(0, 4)).toEqual([
      ['main.0.weight', [100, 512, 4, 4]],
      ['main.1.weight', [512]],
      ['main.1.bias', [512]],
      ['main.3.weight', [512, 256, 4, 4]],
    ]);
    expect(d.namedParameters().get('main.11.weight')!.shape).toEqual([1, 512, 4, 4]);
  });
});

describe('pix2pix', () => {
  it('has the paper’s sizes', () => {
    expect(count(new UnetGenerator())).toBe(54_413_955);
    expect(count(new PatchDiscriminator())).toBe(2_768_705);
  });
});

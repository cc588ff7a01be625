import { boxIou, nms } from '../src/index.ts';

it('intersection over union of boxes that touch, overlap, contain each other, or have no area', () => {
  expect(boxIou([0, 0, 2, 2], [1, 1, 3, 3])).toBeCloseTo(1 / 7);
  expect(boxIou([0, 0, 4, 4], [1, 1, 3, 3])).toBe(0.25);
  expect(boxIou([0, 0, 1, 1], [1, 0, 2, 1])).toBe(0);
  expect(boxIou([5, 5, 5, 5], [5, 5, 5, 5])).toBe(0);
  expect(() => boxIou([0, 0, 1], [0, 0, 1, 1])).toThrow(/boxIou: a box has four numbers/);
});

it('drops what overlaps a better box by more than the threshold', () => {
  // The first three share a corner; the second overlaps the first by 0.81, the third by 0.25.
  const boxes = [0, 0, 10, 10, 0, 0, 9, 9, 0, 0, 5, 5, 20, 20, 30, 30];
  expect(nms(boxes, [0.9, 0.8, 0.7, 0.95])).toEqual([3, 0, 2]);
  expect(nms(boxes, [0.8, 0.9, 0.7, 0.1], { iouThreshold: 0.2, scoreThreshold: 0.1 })).toEqual([1]);
  expect(nms(boxes, [0.5, 0.5, 0.5, 0.5], { iouThreshold: 0.81 })).toEqual([0, 1, 2, 3]);
  expect(nms(boxes, [0.5, 0.5, 0.5, 0.5], { limit: 2, iouThreshold: 0.1 })).toEqual([0, 3]);
  expect(nms([], [])).toEqual([]);
  expect(() => nms(boxes, [1])).toThrow(/nms: boxes and scores do not fit/);
});

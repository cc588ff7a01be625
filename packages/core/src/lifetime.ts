/** What an open scope hears about values, so that it can free them. */
import type { Tensor } from './tensor.ts';

export interface LifetimeListener {
  /** The tensor got a buffer. */
  realized(tensor: Tensor): void;
  /** The tensor was a variable's value and no variable holds it any more. */
  replaced(tensor: Tensor): void;
}

let listener: LifetimeListener | undefined;

export function setLifetimeListener(
  next: LifetimeListener | undefined,
): LifetimeListener | undefined {
  const saved = listener;
  listener = next;
  return saved;
}

export function announceRealized(tensor: Tensor): void {
  listener?.realized(tensor);
}

export function announceReplaced(tensor: Tensor): void {
  listener?.replaced(tensor);
}

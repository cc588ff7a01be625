/** This page's part of the worker. */
import type { Where } from '../../worker/backend.ts';

export function create(where: Where) {
  return { backend: () => where.text };
}

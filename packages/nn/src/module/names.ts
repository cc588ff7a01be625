/**
 * A field's name as it stands in paths and state dicts: PyTorch's snake case, so that weights carry over.
 * `runningMean` -> `running_mean`, `weightIhL0` -> `weight_ih_l0`, `fc1` -> `fc1`, `fc_A` -> `fc_A`.
 */
export function stateName(field: string): string {
  return field.replaceAll(
    /([a-z0-9])([A-Z])/g,
    (_, before: string, upper: string) => `${before}_${upper.toLowerCase()}`,
  );
}

/** Joins the parts of a path, leaving out empty ones. */
export function joinPath(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('.');
}

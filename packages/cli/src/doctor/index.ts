/** Compiled workers against the limits of their platform. */
export { diagnose } from './diagnose.ts';
export type { DiagnoseOptions } from './diagnose.ts';
export { limits, planNames } from './limits.ts';
export type { PlanName, PlatformLimits } from './limits.ts';
export type { Diagnosis, Row, Verdict } from './report.ts';

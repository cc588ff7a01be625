import type { RoutineGenerator } from '../routine.ts';
export declare const scatter: RoutineGenerator;
export declare const scatterElements: RoutineGenerator;

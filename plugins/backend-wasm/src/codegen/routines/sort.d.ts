import type { RoutineGenerator } from '../routine.ts';
export declare const sort: RoutineGenerator;

/**
 * Matrix products and convolutions of types other than float32, written as loop kernels. They are correct
 * for every type, and as fast as the loops are.
 */
import type { LoopKernel, RoutineKernel } from '@hebb/compiler';
/** A buffer of the generator's own: the result before its epilogue. */
export declare const RESULT = -2;
/** The routine as loops; with an epilogue, into RESULT and then through the code. */
export declare function contractionLoops(kernel: RoutineKernel): LoopKernel[];
/** The epilogue over a result that lies in RESULT. */
export declare function epilogueLoop(kernel: RoutineKernel): LoopKernel;

import { main } from '../common/example.ts';
import { faceDetection } from './face-detection.ts';

await main(faceDetection);

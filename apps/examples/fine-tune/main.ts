import { main } from '../common/example.ts';
import { fineTune } from './fine-tune.ts';

await main(fineTune);

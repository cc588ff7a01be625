import { main } from '../common/example.ts';
import { vit } from './vit.ts';

await main(vit);

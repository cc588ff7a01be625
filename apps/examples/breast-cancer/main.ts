import { main } from '../common/example.ts';
import { breastCancer } from './breast-cancer.ts';

await main(breastCancer);

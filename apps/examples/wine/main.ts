import { main } from '../common/example.ts';
import { wine } from './wine.ts';

await main(wine);

import { main } from '../common/example.ts';
import { sentiment } from './sentiment.ts';

await main(sentiment);

import { main } from '../common/example.ts';
import { digits } from './digits.ts';

await main(digits);

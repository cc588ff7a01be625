import { main } from '../common/example.ts';
import { ctcDigits } from './ctc-digits.ts';

await main(ctcDigits);

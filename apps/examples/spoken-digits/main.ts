import { main } from '../common/example.ts';
import { spokenDigits } from './spoken-digits.ts';

await main(spokenDigits);

import { main } from '../common/example.ts';
import { gpt } from './gpt.ts';

await main(gpt);

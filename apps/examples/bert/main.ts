import { main } from '../common/example.ts';
import { bert } from './bert.ts';

await main(bert);

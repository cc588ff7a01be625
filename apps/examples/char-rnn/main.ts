import { main } from '../common/example.ts';
import { charRnn } from './char-rnn.ts';

await main(charRnn);

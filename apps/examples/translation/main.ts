import { main } from '../common/example.ts';
import { translation } from './translation.ts';

await main(translation);

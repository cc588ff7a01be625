import { main } from '../common/example.ts';
import { gan } from './gan.ts';

await main(gan);

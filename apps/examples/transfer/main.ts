import { main } from '../common/example.ts';
import { transfer } from './transfer.ts';

await main(transfer);

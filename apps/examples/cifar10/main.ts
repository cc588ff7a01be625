import { main } from '../common/example.ts';
import { cifar10 } from './cifar10.ts';

await main(cifar10);

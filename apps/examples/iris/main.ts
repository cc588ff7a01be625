import { main } from '../common/example.ts';
import { iris } from './iris.ts';

await main(iris);

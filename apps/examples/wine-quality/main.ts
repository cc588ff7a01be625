import { main } from '../common/example.ts';
import { wineQuality } from './wine-quality.ts';

await main(wineQuality);

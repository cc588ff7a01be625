import { main } from '../common/example.ts';
import { transformerTranslation } from './transformer-translation.ts';

await main(transformerTranslation);

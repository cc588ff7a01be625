import { preset } from '../../jest.preset.js';

export default preset('examples', { testMatch: ['<rootDir>/**/*.spec.ts'] });

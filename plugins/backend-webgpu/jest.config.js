import { preset } from '../../jest.preset.js';

export default preset('backend-webgpu', { globalSetup: '<rootDir>/test/setup.js' });

import { main } from '../common/example.ts';
import { forecasting } from './forecasting.ts';

await main(forecasting);

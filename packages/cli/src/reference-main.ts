#!/usr/bin/env node
/** `npm run reference`: values and gradients on one of our backends against stored ones of PyTorch. */
import { reference } from './reference.ts';

process.exitCode = await reference(process.argv.slice(2));

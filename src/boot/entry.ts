#!/usr/bin/env node
import { createRequire } from 'node:module';
import { CodeCache } from './code-cache.ts';
import { Program } from './program.ts';

// `dist/cli.js`: what is built starts here. Every Node that npm may start this with has to parse this file, and what it
// imports: no syntax is newer than Node 18.

const folder = import.meta.dirname;
const require = createRequire(import.meta.url);
const program = new Program({ folder, cache: CodeCache.open(folder), require });
program.load('main.js');

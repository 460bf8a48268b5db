// Loaded before each test file that meets a mutant: its properties draw the same cases in every run, so that two runs agree.
import fc from 'fast-check';

fc.configureGlobal({ seed: 1 });

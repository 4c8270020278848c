/** Running one program to its end, line by line, so that it can be shown and stopped. */

import { spawn } from 'node:child_process';

import type { Step } from './environment.js';
import { readLines } from './serverLog.js';

/** A program ended with another status than 0, could not be started, or was stopped. */
export class StepFailed extends Error {
  constructor(
    message: string,
    readonly wasStopped = false,
  ) {
    super(message);
  }
}

/**
 * Run a step; `tell` is called with every line it writes. Throws `StepFailed`.
 *
 * Aborting `signal` ends the program.
 */
export async function runStep(
  step: Step,
  tell: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const child = spawn(step.command, step.args, { stdio: ['ignore', 'pipe', 'pipe'], signal });
  let last = '';
  const read = (line: string): void => {
    last = line;
    tell(line);
  };
  readLines(child.stdout, read);
  readLines(child.stderr, read);
  await new Promise<void>((resolve, reject) => {
    child.on('error', (error) => {
      const message = signal.aborted ? 'stopped' : `${step.command}: ${error.message}`;
      reject(new StepFailed(message, signal.aborted));
    });
    child.on('close', (status) => {
      if (status === 0) {
        resolve();
      } else {
        const why = last === '' ? '' : `: ${last}`;
        reject(new StepFailed(`${step.command} ended with status ${String(status)}${why}`));
      }
    });
  });
}

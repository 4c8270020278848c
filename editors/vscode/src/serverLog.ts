/** What the server writes to standard error, line by line, with the level that it names. */

import type { Readable } from 'node:stream';

export type Level = 'error' | 'warn' | 'info' | 'debug';

/** As far as VS Code's log channel is needed. */
export type Log = Readonly<Record<Level, (line: string) => void>>;

const LEVELS: Readonly<Record<string, Level>> = {
  CRITICAL: 'error',
  ERROR: 'error',
  WARNING: 'warn',
  INFO: 'info',
  DEBUG: 'debug',
};

/** Return the level in a line of Python's log; what is no such line belongs to an error. */
export function levelOf(line: string): Level {
  const found = /^[\d-]+ [\d:,]+ (CRITICAL|ERROR|WARNING|INFO|DEBUG) /.exec(line);
  return (found?.[1] === undefined ? undefined : LEVELS[found[1]]) ?? 'error';
}

/** Call `tell` with every line of a stream that is not empty, the last one too. */
export function readLines(stream: Readable, tell: (line: string) => void): void {
  let rest = '';
  const tellUnlessEmpty = (line: string): void => {
    if (line.trim() !== '') {
      tell(line.trimEnd());
    }
  };
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    const lines = (rest + chunk).split(/\r\n|\n|\r/);
    rest = lines.pop() ?? '';
    lines.forEach(tellUnlessEmpty);
  });
  stream.on('end', () => {
    tellUnlessEmpty(rest);
  });
}

/** Sends lines to a log, and remembers the last one: it usually says why a program ended. */
export class ServerLog {
  private last = '';

  constructor(private readonly log: Log) {}

  get lastLine(): string {
    return this.last;
  }

  follow(stream: Readable): void {
    readLines(stream, (line) => {
      this.last = line;
      this.log[levelOf(line)](line);
    });
  }
}

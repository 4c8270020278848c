/** The local counts of what was shown and taken, in words. */

/** As `coder-lsp stats --json` prints it, as far as it is shown. */
export interface Usage {
  readonly since?: string;
  readonly shown: number;
  readonly accepted: number;
  readonly partiallyAccepted: number;
  readonly rejected: number;
  readonly acceptedCharacters: number;
}

/** Read the server's answer to its stats command; undefined when it has no counts. */
export function readUsage(answer: unknown): Usage | undefined {
  const usage = (answer as { usage?: Partial<Usage> } | null)?.usage;
  return typeof usage?.shown === 'number' ? (usage as Usage) : undefined;
}

/** Return a headline and the lines below it. */
export function describeUsage(usage: Usage): { heading: string; details: string } {
  const share = usage.shown === 0 ? '' : ` (${percent(usage.accepted, usage.shown)})`;
  const since = usage.since === undefined ? '' : `Since ${usage.since.slice(0, 10)}, on this machine only.\n\n`;
  return {
    heading: `${count(usage.shown, 'completion')} shown, ${String(usage.accepted)} accepted${share}`,
    details:
      `${since}Accepted in part: ${String(usage.partiallyAccepted)}\n` +
      `Rejected: ${String(usage.rejected)}\n` +
      `Characters accepted: ${String(usage.acceptedCharacters)}`,
  };
}

function count(number: number, noun: string): string {
  return `${String(number)} ${noun}${number === 1 ? '' : 's'}`;
}

function percent(part: number, whole: number): string {
  return `${String(Math.round((100 * part) / whole))} %`;
}

/** How often a server that ends by itself is started again. */

const MOST_RESTARTS = 4;
const WITHIN_MS = 3 * 60 * 1000;

/** `attempt` counts from 1; undefined when it has ended too often to try again. */
export interface Verdict {
  readonly attempt: number | undefined;
  readonly limit: number;
}

/** The ends of the last three minutes. */
export class RestartPolicy {
  private ends: number[] = [];

  /** Take note that the server ended at `now` (milliseconds), and say whether to start it again. */
  recordEnd(now: number): Verdict {
    this.ends = this.ends.filter((end) => now - end < WITHIN_MS);
    this.ends.push(now);
    const attempt = this.ends.length;
    return { attempt: attempt > MOST_RESTARTS ? undefined : attempt, limit: MOST_RESTARTS };
  }

  /** Forget what was: the user has started it by hand. */
  forget(): void {
    this.ends = [];
  }
}

/** Runs asynchronous tasks, a limited number of them at a time. */

export interface Task<T> {
  name: string;
  run: () => Promise<T>;
}

interface Waiting {
  start: () => void;
}

export class TaskQueue {
  private running = 0;
  private readonly waiting: Waiting[] = [];

  constructor(private readonly limit: number) {
    if (limit < 1) {
      throw new Error(`The limit should be at least 1, not ${limit}.`);
    }
  }

  get size(): number {
    return this.running + this.waiting.length;
  }

  async add<T>(task: Task<T>): Promise<T> {
    if (this.running >= this.limit) {
      await new Promise<void>((resolve) => this.waiting.push({ start: resolve }));
    }
    this.running += 1;
    try {
      return await task.run();
    } finally {
      this.running -= 1;
      this.startNext();
    }
  }

  private startNext(): void {
    const next = this.waiting.shift();
    if (next !== undefined) {
      next.start();
    }
  }
}

export async function runAll<T>(tasks: Task<T>[], limit: number): Promise<T[]> {
  const queue = new TaskQueue(limit);
  const results = tasks.map((task) => queue.add(task));
  return Promise.all(results);
}

export async function retry<T>(task: Task<T>, attempts: number): Promise<T> {
  for (let attempt = 1; attempt < attempts; attempt += 1) {
    try {
      return await task.run();
    } catch (error) {
      console.warn(`${task.name} failed, attempt ${attempt}:`, error);
    }
  }
  return task.run();
}

/** What the menu of the status bar offers, in order, by what the server is at. */

import type { Status } from './status.js';

export interface MenuEntry {
  readonly label: string;
  readonly description?: string;
  readonly command: string;
}

/** Return the entries; the remedy of what is wrong comes first. */
export function menuEntries(status: Status, model: string): MenuEntry[] {
  const entries: MenuEntry[] = [];
  if (status.remedy !== undefined) {
    entries.push({ label: `$(tools) ${status.remedy.title}`, command: status.remedy.command });
  }
  entries.push(
    status.kind === 'off'
      ? { label: '$(play) Turn completions on', command: 'coderLsp.toggle' }
      : { label: '$(circle-slash) Turn completions off', command: 'coderLsp.toggle' },
  );
  if (status.kind === 'snoozed') {
    entries.push({ label: '$(bell) End the snooze', command: 'coderLsp.endSnooze' });
  } else if (status.kind !== 'off') {
    entries.push({ label: '$(bell-slash) Snooze…', command: 'coderLsp.snooze' });
  }
  entries.push(
    {
      label: '$(chip) Choose the model…',
      description: model === '' ? 'the default model' : model,
      command: 'coderLsp.chooseModel',
    },
    { label: '$(graph) Statistics', command: 'coderLsp.stats' },
    { label: '$(debug-restart) Restart the server', command: 'coderLsp.restart' },
    { label: '$(output) Show the log', command: 'coderLsp.showLog' },
    { label: '$(gear) Settings', command: 'coderLsp.openSettings' },
    { label: '$(book) Walkthrough', command: 'coderLsp.openWalkthrough' },
  );
  return entries;
}

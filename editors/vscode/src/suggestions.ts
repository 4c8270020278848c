/**
 * VS Code's own suggestion list beside inline completions.
 *
 * By default VS Code 1.139 opens it while one types only where no ghost text comes
 * (`editor.quickSuggestions`: `offWhenInlineCompletions`), which people take for a broken language
 * server. The choice is the user's, so it is offered, once.
 */

import * as vscode from 'vscode';

const ASKED = 'coderLsp.askedForQuickSuggestions';
const HIDDEN = 'offWhenInlineCompletions';

export async function offerQuickSuggestions(memory: vscode.Memento): Promise<void> {
  if (memory.get<boolean>(ASKED, false) || !areHidden()) {
    return;
  }
  await memory.update(ASKED, true);
  const show = 'Show both';
  const chosen = await vscode.window.showInformationMessage(
    'While you type, VS Code opens its own list of suggestions only where no ghost text of coder-lsp comes; beside ghost text it takes Ctrl+Space. Let it open the list without waiting for ghost text?',
    show,
    'Leave it',
  );
  if (chosen === show) {
    await showQuickSuggestions();
  }
}

/** Set `editor.quickSuggestions` so that the list opens in code, the rest as it was. */
export async function showQuickSuggestions(): Promise<void> {
  const editor = vscode.workspace.getConfiguration('editor');
  const before = editor.get<Record<string, unknown>>('quickSuggestions', {});
  const target = vscode.ConfigurationTarget.Global;
  await editor.update('quickSuggestions', { ...before, other: 'on' }, target);
}

function areHidden(): boolean {
  const value = vscode.workspace.getConfiguration('editor').get<unknown>('quickSuggestions');
  return (value as { other?: unknown } | null)?.other === HIDDEN;
}

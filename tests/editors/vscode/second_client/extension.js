/** Starts another language server beside ours, whichever the settings name. */

import { window, workspace } from 'vscode';
import { LanguageClient } from 'vscode-languageclient/node';

let client;

export async function activate() {
  const [command, ...args] = workspace.getConfiguration('secondClient').get('command', []);
  if (command !== undefined) {
    const options = { documentSelector: [{ language: 'python' }] };
    client = new LanguageClient('second', 'Second server', { command, args }, options);
    await client.start();
    const item = window.createStatusBarItem('secondClient.status');
    item.text = 'second server ready';
    item.show();
  }
}

export function deactivate() {
  return client?.stop();
}

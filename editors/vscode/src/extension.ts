/** Where VS Code starts and ends the extension. */

import * as path from 'node:path';

import * as vscode from 'vscode';

import { CoderClient } from './client.js';
import { registerCommands } from './commands.js';
import { readInstallation } from './environment.js';
import { Installer } from './installer.js';
import { OWN_SETTINGS, SECTION } from './serverSettings.js';
import { GHOST_TEXT, Settings } from './settings.js';
import { createStatusItem, showStatus } from './statusItem.js';
import { offerQuickSuggestions } from './suggestions.js';

/** One client for the window, however many folders it has open. */
const SUGGESTION_MS = 30_000;

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const settings = new Settings(context.extension);
  const environment = path.join(context.globalStorageUri.fsPath, 'environment');
  const log = vscode.window.createOutputChannel('coder-lsp', { log: true });
  const client = new CoderClient(settings, environment, log);
  const installer = new Installer(settings, environment, context.extensionPath, log);
  const parts = { extension: context.extension, client, installer, settings, log };
  const statusItem = createStatusItem();
  showStatus(statusItem, client.currentStatus);
  let hasSuggested = false;
  context.subscriptions.push(
    log,
    statusItem,
    client,
    client.onStatus((status) => {
      showStatus(statusItem, status);
      void vscode.commands.executeCommand('setContext', 'coderLsp.status', status.kind);
      if (status.kind === 'ready') {
        void vscode.commands.executeCommand('setContext', 'coderLsp.hasBeenReady', true);
      }
      if (status.suggestion !== undefined && !hasSuggested) {
        hasSuggested = true;
        vscode.window.setStatusBarMessage(`coder-lsp: ${status.suggestion}`, SUGGESTION_MS);
      }
      if (status.kind === 'ready') {
        void offerQuickSuggestions(context.globalState);
      }
    }),
    client.onMissing(({ message, isSettingWrong }) => {
      void offerRemedy(message, isSettingWrong);
    }),
    vscode.workspace.onDidChangeConfiguration((event) => {
      void settingsChanged(event, client);
    }),
    ...registerCommands(parts),
  );
  await client.start();
  offerUpdate(client, environment, settings.version);
}

async function settingsChanged(
  event: vscode.ConfigurationChangeEvent,
  client: CoderClient,
): Promise<void> {
  if (event.affectsConfiguration(GHOST_TEXT)) {
    await client.sendSettings();
  }
  if (!event.affectsConfiguration(SECTION)) {
    return;
  }
  const needsRestart = ['path', 'languages'].some((name) =>
    event.affectsConfiguration(`${SECTION}.${name}`),
  );
  const isOurs = OWN_SETTINGS.some((name) => event.affectsConfiguration(`${SECTION}.${name}`));
  if (needsRestart) {
    await client.restart();
  } else if (!isOurs) {
    await client.sendSettings();
  }
}

async function offerRemedy(message: string, isSettingWrong: boolean): Promise<void> {
  const install = 'Install';
  const setPath = 'Set the path';
  const actions = isSettingWrong ? [setPath] : [install, setPath];
  const chosen = await vscode.window.showWarningMessage(message, ...actions);
  if (chosen === install) {
    await vscode.commands.executeCommand('coderLsp.install');
  } else if (chosen === setPath) {
    await vscode.commands.executeCommand('workbench.action.openSettings', `${SECTION}.path`);
  }
}

/** The environment is ours, so it should have the version that belongs to this extension. */
function offerUpdate(client: CoderClient, environment: string, version: string): void {
  const location = client.locate();
  const installed = readInstallation(environment);
  if (location.kind !== 'found' || location.origin !== 'environment' || installed === undefined) {
    return;
  }
  if (installed.version !== version) {
    const message = `The extension is of version ${version}, the coder-lsp that it installed of ${installed.version}.`;
    void vscode.window.showInformationMessage(message, 'Update').then((chosen) => {
      return chosen && vscode.commands.executeCommand('coderLsp.install');
    });
  }
}

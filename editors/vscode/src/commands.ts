/** The commands, one function each; their ids are `coderLsp.*`, the server's own `coder-lsp.*`. */

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import * as vscode from 'vscode';

import type { CoderClient } from './client.js';
import type { Installer } from './installer.js';
import { menuEntries } from './menu.js';
import { readCatalogue, readModels } from './modelList.js';
import type { Settings } from './settings.js';
import { showQuickSuggestions } from './suggestions.js';
import { describeUsage, readUsage } from './usage.js';

/** What the commands work on. */
export interface Parts {
  readonly extension: vscode.Extension<unknown>;
  readonly client: CoderClient;
  readonly installer: Installer;
  readonly settings: Settings;
  readonly log: vscode.LogOutputChannel;
}

type Command = (parts: Parts, ...args: unknown[]) => Promise<unknown>;

const COMMANDS: Readonly<Record<string, Command>> = {
  'coderLsp.toggle': toggle,
  'coderLsp.snooze': snooze,
  'coderLsp.endSnooze': endSnooze,
  'coderLsp.stats': showStatistics,
  'coderLsp.restart': ({ client }) => client.restart(),
  'coderLsp.restartModel': ({ client }) => client.execute('coder-lsp.restartModel'),
  'coderLsp.chooseModel': chooseModel,
  'coderLsp.install': install,
  'coderLsp.showMenu': showMenu,
  'coderLsp.showLog': showLog,
  'coderLsp.openSettings': openSettings,
  'coderLsp.openWalkthrough': openWalkthrough,
  'coderLsp.showQuickSuggestions': () => showQuickSuggestions(),
};

export function registerCommands(parts: Parts): vscode.Disposable[] {
  return Object.entries(COMMANDS).map(([id, command]) =>
    vscode.commands.registerCommand(id, async (...args: unknown[]) => {
      try {
        return await command(parts, ...args);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        parts.log.error(`${id}: ${reason}`);
        void vscode.window.showErrorMessage(`coder-lsp: ${reason}`);
        return undefined;
      }
    }),
  );
}

/** By the setting, so that it holds in all windows and after a restart; a snooze is for a while. */
async function toggle({ settings }: Parts): Promise<void> {
  await settings.change('enabled', !settings.enabled);
}

async function snooze({ client }: Parts, minutes?: unknown): Promise<void> {
  const chosen = typeof minutes === 'number' ? minutes : await chooseMinutes();
  if (chosen !== undefined) {
    await client.execute('coder-lsp.snooze', chosen);
  }
}

async function chooseMinutes(): Promise<number | undefined> {
  const picks = [5, 10, 30, 60].map((minutes) => ({
    label: `${String(minutes)} minutes`,
    minutes,
  }));
  const chosen = await vscode.window.showQuickPick(picks, {
    title: 'No completions in this window for',
  });
  return chosen?.minutes;
}

async function endSnooze({ client }: Parts): Promise<void> {
  await client.execute('coder-lsp.snooze', 0);
}

async function showStatistics({ client }: Parts): Promise<void> {
  const usage = readUsage(await client.execute('coder-lsp.stats'));
  if (usage === undefined) {
    throw new Error('This server keeps no counts. Install the version that came with the extension.');
  }
  const { heading, details } = describeUsage(usage);
  await vscode.window.showInformationMessage(heading, { modal: true, detail: details });
}

async function chooseModel({ client, settings }: Parts): Promise<void> {
  const command = program(client);
  const models = readModels(await output(command, ['models', '--json']));
  const other = { label: '$(cloud-download) Install another model…', model: undefined };
  const folder = { label: '$(folder-opened) Another folder…', model: undefined };
  const chosen = await vscode.window.showQuickPick([...models, other, folder], {
    title: 'Which model should complete?',
    matchOnDescription: true,
  });
  if (chosen === other) {
    await installModel(command);
  } else if (chosen !== undefined) {
    const model = chosen.model ?? (await chooseFolder());
    if (model !== undefined) {
      await settings.change('model', model);
    }
  }
}

/** Show the catalogue; the terminal then asks whether the licence is accepted. */
async function installModel(command: string): Promise<void> {
  const title = 'Measuring this machine for two seconds…';
  const listed = output(command, ['install', '--list', '--json']);
  const location = vscode.ProgressLocation.Notification;
  const json = await vscode.window.withProgress({ location, title }, () => listed);
  const chosen = await vscode.window.showQuickPick(readCatalogue(json), {
    title: 'Which model should be installed?',
    matchOnDescription: true,
    matchOnDetail: true,
  });
  if (chosen !== undefined) {
    const name = `Install ${chosen.label}`;
    const shellArgs = ['install', chosen.source];
    vscode.window.createTerminal({ name, shellPath: command, shellArgs }).show();
  }
}

function program(client: CoderClient): string {
  const location = client.locate();
  if (location.kind === 'missing') {
    throw new Error(location.message);
  }
  return location.command;
}

async function output(command: string, args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(command, args);
  return stdout;
}

async function chooseFolder(): Promise<string | undefined> {
  const chosen = await vscode.window.showOpenDialog({
    canSelectFiles: false,
    canSelectFolders: true,
    openLabel: 'Use this model folder',
  });
  return chosen?.[0]?.fsPath;
}

async function install({ client, installer }: Parts): Promise<void> {
  // On Windows the files of a program that runs cannot be replaced.
  await client.stop();
  await installer.install();
  await client.restart();
}

async function showMenu({ client, settings }: Parts): Promise<void> {
  const status = client.currentStatus;
  const chosen = await vscode.window.showQuickPick(menuEntries(status, settings.model), {
    title: `coder-lsp: ${status.message === '' ? status.kind : status.message}`,
  });
  if (chosen !== undefined) {
    await vscode.commands.executeCommand(chosen.command);
  }
}

function showLog({ log }: Parts): Promise<void> {
  log.show();
  return Promise.resolve();
}

async function openSettings({ extension }: Parts): Promise<void> {
  await vscode.commands.executeCommand('workbench.action.openSettings', `@ext:${extension.id}`);
}

async function openWalkthrough({ extension }: Parts): Promise<void> {
  const walkthrough = `${extension.id}#coderLsp.start`;
  await vscode.commands.executeCommand('workbench.action.openWalkthrough', walkthrough, false);
}

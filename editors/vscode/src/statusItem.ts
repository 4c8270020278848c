/** The entry of the status bar. */

import * as vscode from 'vscode';

import { viewOf, type Status } from './status.js';

const ORDER = -10;

export function createStatusItem(): vscode.StatusBarItem {
  const item = vscode.window.createStatusBarItem(
    'coderLsp.status',
    vscode.StatusBarAlignment.Right,
    ORDER,
  );
  item.name = 'coder-lsp';
  item.command = 'coderLsp.showMenu';
  return item;
}

export function showStatus(item: vscode.StatusBarItem, status: Status): void {
  const view = viewOf(status);
  item.text = view.text;
  item.tooltip = tooltip(view.heading, status);
  item.backgroundColor = view.isError
    ? new vscode.ThemeColor('statusBarItem.errorBackground')
    : undefined;
  item.accessibilityInformation = { label: `${view.heading}. ${status.message}` };
  item.show();
}

function tooltip(heading: string, status: Status): vscode.MarkdownString {
  const text = new vscode.MarkdownString();
  text.appendMarkdown(`**${heading}**\n\n`);
  // What the server says is text and not Markdown: a path in it may hold anything.
  text.appendText(status.message);
  if (status.suggestion !== undefined) {
    text.appendMarkdown('\n\n');
    text.appendText(status.suggestion);
  }
  if (status.remedy !== undefined) {
    text.isTrusted = { enabledCommands: [status.remedy.command] };
    text.appendMarkdown(`\n\n[${status.remedy.title}](command:${status.remedy.command})`);
  }
  return text;
}

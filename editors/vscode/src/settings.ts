/** The user's settings, as VS Code has them. */

import * as vscode from 'vscode';

import type { Extra } from './environment.js';
import {
  SECTION,
  serverOptions,
  serverSettingNames,
  settlePlainCompletion,
  type ConfigurationSection,
} from './serverSettings.js';

/** VS Code's own setting: whether it shows ghost text at all. */
export const GHOST_TEXT = 'editor.inlineSuggest.enabled';

interface Manifest {
  readonly version: string;
  readonly contributes: { readonly configuration: readonly ConfigurationSection[] };
}

/** Settings are read when they are asked for, so that they are never stale. */
export class Settings {
  readonly version: string;
  private readonly serverNames: readonly string[];

  constructor(extension: vscode.Extension<unknown>) {
    const manifest = extension.packageJSON as Manifest;
    this.version = manifest.version;
    this.serverNames = serverSettingNames(manifest.contributes.configuration);
  }

  get path(): string {
    return this.section().get('path', '');
  }

  get languages(): readonly string[] {
    return this.section().get<string[]>('languages', []);
  }

  get installSource(): string {
    return this.section().get('install.source', '');
  }

  get installExtra(): Extra {
    return this.section().get<Extra>('install.extra', 'cpu');
  }

  get model(): string {
    return this.section().get('model', '');
  }

  get enabled(): boolean {
    return this.section().get('enabled', true);
  }

  /** What is sent to the server. */
  forServer(): Record<string, unknown> {
    const section = this.section();
    const showsGhostText = vscode.workspace.getConfiguration().get(GHOST_TEXT, true);
    const options = serverOptions(this.serverNames, (name) => section.get(name));
    return settlePlainCompletion(options, showsGhostText);
  }

  /** Change a setting where the user has set it already, else for all of the user's windows. */
  async change(name: string, value: unknown): Promise<void> {
    const found = this.section().inspect(name);
    const target =
      found?.workspaceValue === undefined
        ? vscode.ConfigurationTarget.Global
        : vscode.ConfigurationTarget.Workspace;
    await this.section().update(name, value, target);
  }

  private section(): vscode.WorkspaceConfiguration {
    return vscode.workspace.getConfiguration(SECTION);
  }
}

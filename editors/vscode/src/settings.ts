/** The user's settings, as VS Code has them. */

import * as vscode from 'vscode';

import type { Extra } from './environment.js';
import {
  SECTION,
  serverOptions,
  serverSettingNames,
  type ConfigurationSection,
} from './serverSettings.js';

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
    return serverOptions(this.serverNames, (name) => section.get(name));
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

/** Makes the server's virtual environment, with progress, when the user asks for it. */

import { spawnSync } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import * as path from 'node:path';

import * as vscode from 'vscode';

import {
  installSteps,
  markComplete,
  pythonCandidates,
  PYTHON_TEST,
  requirementFor,
  type Step,
  type Tool,
} from './environment.js';
import { findOnPath } from './executable.js';
import type { Settings } from './settings.js';
import { runStep, StepFailed } from './step.js';

/** A tool that can make the environment; `program` is what starts uv, or Python for pip. */
export interface AvailableTool {
  readonly tool: Tool;
  readonly program: readonly string[];
}

const NOTHING_FOUND =
  'Neither uv nor Python 3.11 or newer (with venv and pip) was found on PATH. Install one of them, or set coder-lsp.path to a coder-lsp that you have installed yourself.';

export class Installer {
  constructor(
    private readonly settings: Settings,
    private readonly environment: string,
    private readonly extensionFolder: string,
    private readonly log: vscode.LogOutputChannel,
  ) {}

  /** The tools of this machine, the faster first. */
  availableTools(): AvailableTool[] {
    const uv = findOnPath('uv', { platform: process.platform, env: process.env });
    const python = pythonCandidates(process.platform).find(isPythonForUs);
    return [
      ...(uv === undefined ? [] : [{ tool: 'uv' as const, program: [uv] }]),
      ...(python === undefined ? [] : [{ tool: 'pip' as const, program: python }]),
    ];
  }

  /** Ask with which tool, and install. Returns whether there is a server now. */
  async install(): Promise<boolean> {
    const tools = this.availableTools();
    if (tools.length === 0) {
      void vscode.window.showErrorMessage(NOTHING_FOUND);
      return false;
    }
    const tool = await chooseTool(tools);
    return tool !== undefined && this.installWith(tool);
  }

  /** Install with one tool. Returns whether it came to its end. */
  async installWith({ tool, program }: AvailableTool): Promise<boolean> {
    const requirement = requirementFor(
      this.settings.installSource,
      this.settings.installExtra,
      path.join(this.extensionFolder, 'server'),
      this.settings.version,
      homedir(),
    );
    const steps = installSteps(tool, program, this.environment, requirement, process.platform);
    try {
      // A virtual environment cannot be moved, so it is made where it stays: first without a trace
      // of an older one, and complete only with the last line.
      await rm(this.environment, { recursive: true, force: true });
      await this.runWithProgress(steps);
      markComplete(this.environment, { version: this.settings.version, requirement });
      return true;
    } catch (error) {
      await rm(this.environment, { recursive: true, force: true });
      this.tellFailure(error);
      return false;
    }
  }

  private async runWithProgress(steps: readonly Step[]): Promise<void> {
    const options = {
      location: vscode.ProgressLocation.Notification,
      title: 'coder-lsp',
      cancellable: true,
    };
    await vscode.window.withProgress(options, async (progress, token) => {
      const controller = new AbortController();
      token.onCancellationRequested(() => {
        controller.abort();
      });
      for (const step of steps) {
        progress.report({ message: step.title });
        this.log.info(`${step.command} ${step.args.join(' ')}`);
        const tell = (line: string): void => {
          this.log.info(line);
          progress.report({ message: `${step.title}: ${shortened(line)}` });
        };
        await runStep(step, tell, controller.signal);
      }
    });
  }

  private tellFailure(error: unknown): void {
    if (error instanceof StepFailed && error.wasStopped) {
      return;
    }
    const reason = error instanceof Error ? error.message : String(error);
    this.log.error(reason);
    void vscode.window
      .showErrorMessage(`coder-lsp could not be installed: ${reason}`, 'Show the log', 'Try again')
      .then((chosen) => {
        if (chosen === undefined) {
          return undefined;
        }
        const command = chosen === 'Show the log' ? 'coderLsp.showLog' : 'coderLsp.install';
        return vscode.commands.executeCommand(command);
      });
  }
}

async function chooseTool(tools: readonly AvailableTool[]): Promise<AvailableTool | undefined> {
  const picks = tools.map((available) => ({
    label: `With ${available.tool}`,
    description: available.program.join(' '),
    available,
  }));
  const chosen = await vscode.window.showQuickPick(picks, {
    title: 'Install coder-lsp into a virtual environment of its own',
    placeHolder: 'ONNX Runtime and the other libraries come from your package index',
  });
  return chosen?.available;
}

function isPythonForUs([command = '', ...args]: readonly string[]): boolean {
  const options = { stdio: 'ignore', timeout: 10_000, windowsHide: true } as const;
  return spawnSync(command, [...args, '-c', PYTHON_TEST], options).status === 0;
}

function shortened(line: string): string {
  const most = 80;
  return line.length > most ? `${line.slice(0, most - 1)}…` : line;
}
